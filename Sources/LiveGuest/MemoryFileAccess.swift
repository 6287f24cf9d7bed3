import Glibc
package import QEMUMonitor
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Opens the files that a QMP peer calls its guest's RAM, as far as the peer itself reaches.
///
/// A guest may have taken its QEMU over, which then names whatever file it likes. What it has open
/// for reading it may read. Beyond that, a peer of a user other than root and this process's
/// reaches only that user's own files.
package struct MemoryFileAccess {
    private let peer: MonitorPeer
    private let context: WorkContext
    private let files: [FilePath: FileIdentity]
    /// Where the peer has them open; nil if that cannot be seen.
    private let descriptors: [FileIdentity: FilePath]?

    /// Looks at the files, and for them at what the peer has open.
    ///
    /// - Parameters:
    ///   - paths: The files.
    ///   - peer: Who names them.
    ///   - context: How to run.
    /// - Throws: `.notFound` if one is not there or no regular file; `.unsupported` for a
    ///   directory; `.permission` where no /proc is mounted; `.inputOutput`, `.interrupted`.
    package init(
        to paths: [FilePath], namedBy peer: MonitorPeer, _ context: WorkContext
    ) throws(SnapError) {
        try ProcessIdentity.checkVisibility(context.calls)
        var files: [FilePath: FileIdentity] = [:]
        for path in paths {
            guard let status = try FileStatus(of: path, context.calls) else {
                throw SnapError(.notFound, "there is no such file", path: path)
            }
            guard status.kind != .directory else {
                throw SnapError(
                    .unsupported, "is a directory, in which the RAM is in no file that has a name",
                    path: path, hint: "mem-path names a file")
            }
            guard status.kind == .regular else {
                throw SnapError(
                    .notFound, "is \(status.kind.rawValue), expected a regular file", path: path)
            }
            files[path] = status.identity
        }
        descriptors = try peer.process.descriptors(
            of: Set(files.values), context.calls)
        self.files = files
        self.peer = peer
        self.context = context
    }

    /// Opens one of the files for reading.
    ///
    /// - Parameter path: The file.
    /// - Throws: `.mismatch` if the peer has no such file open, `.permission` if it may not reach
    ///   it; `.notFound`, `.inputOutput`.
    package func open(_ path: FilePath) throws(SnapError) -> File {
        guard let expected = files[path] else {
            throw SnapError(.internalFailure, "has not been looked at", path: path)
        }
        let file: File
        if let descriptors {
            guard let descriptor = descriptors[expected] else {
                throw SnapError(
                    .mismatch,
                    "is not open in process \(peer.process.number), which listens at the QMP "
                        + "socket: it has been replaced, or the socket is not QEMU's own",
                    path: path)
            }
            file = try File(reopening: descriptor, shownAs: path, context.calls)
        } else {
            file = try openUnseen(path)
        }
        let status = try file.status()
        guard status.identity == expected else {
            throw SnapError(.mismatch, "has been replaced meanwhile", path: path)
        }
        guard status.userID == peer.userID || isTrusted && descriptors != nil else {
            throw SnapError(
                .permission,
                "belongs to user \(status.userID), expected \(peer.userID), who listens at the "
                    + "QMP socket", path: path, hint: "give the file to QEMU's user")
        }
        return file
    }

    /// Whether the peer may do what this process may.
    private var isTrusted: Bool { peer.userID == 0 || peer.userID == geteuid() }

    /// Opens a file of a peer whose descriptors are hidden.
    private func openUnseen(_ path: FilePath) throws(SnapError) -> File {
        guard isTrusted else {
            throw SnapError(
                .permission, "what QEMU has open, as user \(peer.userID), cannot be seen",
                path: path, hint: "run snap as root or as QEMU's user, in QEMU's PID namespace")
        }
        context.warn(
            SnapError(
                .permission,
                "what QEMU has open cannot be seen: that this is the file it has in memory is "
                    + "believed", path: path))
        let (directory, name) = try Directory.holding(path, context.calls)
        return try File(reading: name, in: directory)
    }
}
