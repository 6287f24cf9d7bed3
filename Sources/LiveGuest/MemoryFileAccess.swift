import Glibc
package import QEMUMonitor
package import SnapSystem
import SystemPackage
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
    /// The identity of each file with a path when it was inspected.
    private let files: [FilePath: FileIdentity]
    /// The peer's descriptors of these files, as far as it has them open; nil if they cannot be
    /// seen.
    private let descriptors: [FileIdentity: FilePath]?
    /// The backends whose RAM is in memfds.
    private let memfdBackends: [QEMUGuest.Backend]

    /// Inspects the files, and finds the peer's descriptors of them.
    ///
    /// - Parameters:
    ///   - backends: The RAM.
    ///   - peer: The process that names the files.
    ///   - context: The context of the operation.
    /// - Throws: `.notFound` if a file does not exist or is not a regular file; `.unsupported` for
    ///   a directory; `.permission` if /proc is not mounted; `.inputOutput` or `.interrupted`.
    package init(
        to backends: [QEMUGuest.Backend], namedBy peer: MonitorPeer, _ context: WorkContext
    ) throws(SnapError) {
        try ProcessIdentity.checkVisibility(context.calls)
        var files: [FilePath: FileIdentity] = [:]
        for case .file(let path) in backends.map(\.place) {
            // QEMU under libvirt can have a mount namespace of its own.
            let inside = FilePath("/proc/\(peer.process.number)/root\(path)")
            var found = try FileStatus(of: path, context.calls)
            if found == nil { found = try FileStatus(of: inside, context.calls) }
            guard let status = found else {
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
        memfdBackends = backends.filter { $0.place == .memfd }
        self.files = files
        self.peer = peer
        self.context = context
    }

    /// Opens the file of a backend for reading.
    ///
    /// - Parameter backend: One of those passed to the initializer.
    /// - Returns: The file.
    /// - Throws: `.mismatch` if the peer does not have the file open, or if the file has been
    ///   replaced; `.permission` if the peer is not allowed to read it; `.unsupported` if the file
    ///   cannot be told from another one; `.notFound`, `.inputOutput` or `.interrupted`.
    package func open(_ backend: QEMUGuest.Backend) throws(SnapError) -> File {
        switch backend.place {
        case .file(let path): try open(path)
        case .memfd: try openMemfd(of: backend)
        }
    }

    /// Opens the memfd of a backend, which is recognized by its length.
    private func openMemfd(of backend: QEMUGuest.Backend) throws(SnapError) -> File {
        let path = FilePath("memfd of RAM \(backend.name)")
        guard let memfds = try peer.process.memfds(context.calls) else {
            throw invisible(path)
        }
        let found = memfds.filter { $0.status.byteCount == backend.byteCount }
        guard let first = found.first else {
            throw SnapError(
                .mismatch,
                "process \(peer.process.number) has no memfd of \(backend.byteCount) bytes open: "
                    + "it is not QEMU", path: path)
        }
        guard found.count == 1 else {
            let names = memfdBackends.filter { $0.byteCount == backend.byteCount }.map(\.name)
            throw SnapError(
                .unsupported,
                "QEMU has \(found.count) memfds of \(backend.byteCount) bytes, and does not report "
                    + "which of them belong to \(names.joined(separator: ", "))", path: path,
                hint: "use --live, or put the RAM into files")
        }
        let file = try File(reopening: first.path, shownAs: path, context.calls)
        guard try file.status().identity == first.status.identity else {
            throw SnapError(.mismatch, "was replaced while snap opened it", path: path)
        }
        try check(file, path)
        return file
    }

    /// Checks that the peer's user owns a file that the peer has open, or is trusted.
    private func check(_ file: borrowing File, _ path: FilePath) throws(SnapError) {
        let owner = try file.status().userID
        guard owner == peer.userID || isTrusted && descriptors != nil else {
            throw SnapError(
                .permission, "belongs to user \(owner), expected \(peer.userID), QEMU's user",
                path: path, hint: "change the owner of the file to QEMU's user")
        }
    }

    private func open(_ path: FilePath) throws(SnapError) -> File {
        guard let expected = files[path] else {
            throw SnapError(.internalFailure, "was not checked before it was opened", path: path)
        }
        let file: File
        if let descriptors {
            guard let descriptor = descriptors[expected] else {
                throw SnapError(
                    .mismatch,
                    "is not open in process \(peer.process.number): the file has been replaced, "
                        + "or the process is not QEMU",
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
        try check(file, path)
        return file
    }

    /// Whether the peer's user is root or the user of this process.
    private var isTrusted: Bool { peer.userID == 0 || peer.userID == geteuid() }

    private func invisible(_ path: FilePath) -> SnapError {
        SnapError(
            .permission, "cannot see which files QEMU, of user \(peer.userID), has open",
            path: path, hint: "run snap as root or as QEMU's user, in QEMU's PID namespace")
    }

    /// Opens a file of a peer whose descriptors cannot be seen.
    private func openUnseen(_ path: FilePath) throws(SnapError) -> File {
        guard isTrusted else { throw invisible(path) }
        context.warn(
            SnapError(
                .permission,
                "cannot see which files QEMU has open: snap trusts that this is the file with the "
                    + "guest's RAM", path: path))
        let (directory, name) = try Directory.holding(path, context.calls)
        return try File(reading: name, in: directory)
    }
}
