import Glibc
package import QEMUMonitor
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Opens the files that a QMP peer names as its guest's RAM, if the peer itself may read them.
///
/// A guest may have taken over its QEMU, which can then name any file. So snap reads a file only if
/// the peer has it open for reading. If the peer's user is neither root nor the user of this
/// process, the file must also belong to the peer's user. If the peer's open files cannot be seen,
/// snap trusts only a peer of root or of this process's user, and only for that user's own files.
package struct MemoryFileAccess {
    private let peer: MonitorPeer
    private let context: WorkContext
    /// The identity of each file when it was inspected.
    private let files: [FilePath: FileIdentity]
    /// The peer's descriptors of the files that it has open; nil if they cannot be seen.
    private let descriptors: [FileIdentity: FilePath]?

    /// Inspects the files, and finds the peer's descriptors of them.
    ///
    /// - Parameters:
    ///   - paths: The files.
    ///   - peer: The process that names the files.
    ///   - context: The context of the operation.
    /// - Throws: `.notFound` if a file does not exist or is not a regular file; `.unsupported` for
    ///   a directory; `.permission` if /proc is not mounted; `.inputOutput` or `.interrupted`.
    package init(
        to paths: [FilePath], namedBy peer: MonitorPeer, _ context: WorkContext
    ) throws(SnapError) {
        try ProcessIdentity.checkVisibility(context.calls)
        var files: [FilePath: FileIdentity] = [:]
        for path in paths {
            guard let status = try FileStatus(of: path, context.calls) else {
                throw SnapError(.notFound, "does not exist", path: path)
            }
            guard status.kind != .directory else {
                throw SnapError(
                    .unsupported, "is a directory, in which the RAM is in a file without a name",
                    path: path, hint: "set mem-path to a file")
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
    /// - Parameter path: The file, one of those passed to the initializer.
    /// - Returns: The file.
    /// - Throws: `.mismatch` if the peer does not have the file open, or if the file has been
    ///   replaced; `.permission` if the peer is not allowed to read it; `.notFound`,
    ///   `.inputOutput`.
    package func open(_ path: FilePath) throws(SnapError) -> File {
        guard let expected = files[path] else {
            throw SnapError(.internalFailure, "was not checked before it was opened", path: path)
        }
        let file: File
        if let descriptors {
            guard let descriptor = descriptors[expected] else {
                throw SnapError(
                    .mismatch,
                    "is not open in process \(peer.process.number), which listens on the QMP "
                        + "socket: the file has been replaced, or the process is not QEMU",
                    path: path)
            }
            file = try File(reopening: descriptor, shownAs: path, context.calls)
        } else {
            file = try openUnseen(path)
        }
        let status = try file.status()
        guard status.identity == expected else {
            throw SnapError(.mismatch, "was replaced while snap opened it", path: path)
        }
        guard status.userID == peer.userID || isTrusted && descriptors != nil else {
            throw SnapError(
                .permission,
                "belongs to user \(status.userID), expected \(peer.userID), the user of the "
                    + "process that listens on the QMP socket", path: path,
                hint: "change the owner of the file to QEMU's user")
        }
        return file
    }

    /// Whether the peer's user is root or the user of this process.
    private var isTrusted: Bool { peer.userID == 0 || peer.userID == geteuid() }

    /// Opens a file of a peer whose descriptors cannot be seen.
    private func openUnseen(_ path: FilePath) throws(SnapError) -> File {
        guard isTrusted else {
            throw SnapError(
                .permission, "cannot see which files QEMU, of user \(peer.userID), has open",
                path: path, hint: "run snap as root or as QEMU's user, in QEMU's PID namespace")
        }
        context.warn(
            SnapError(
                .permission,
                "cannot see which files QEMU has open: snap trusts that this is the file with the "
                    + "guest's RAM", path: path))
        let (directory, name) = try Directory.holding(path, context.calls)
        return try File(reading: name, in: directory)
    }
}
