import Glibc
package import SystemPackage

/// A file that a command writes for its user and that gets its name only when it is complete.
package struct OutputFile: ~Copyable, Sendable {
    private let directory: Directory
    private let name: String
    private let pending: PendingFile
    private let isForced: Bool
    /// Whether no file had the name when the output was started.
    package let isNew: Bool

    /// Creates an output that does not have its name yet, after a check of any existing file.
    ///
    /// The output gets the owner, group and permission bits of the file that it replaces if that
    /// file belongs to the effective user. If the effective user is root, it gets those of any
    /// file, but only if no other user can create files in the directory. Otherwise it belongs to
    /// the effective user and has mode 0600, or 0644 if all users may read it.
    ///
    /// - Parameters:
    ///   - name: The name that the output will have.
    ///   - directory: The directory that will contain the output.
    ///   - isForced: Whether to replace an existing regular file.
    ///   - isPublic: Whether all users may read the output, which contains no guest memory.
    /// - Throws: `.cannotCreate` if the name exists or the directory does not; `.unsupported` on
    ///   hugetlbfs; `.permission` or `.inputOutput`.
    package init(
        _ name: String, in directory: Directory, isForced: Bool, isPublic: Bool = false
    ) throws(SnapError) {
        let existing = try Self.check(name, in: directory, isForced: isForced)
        let pending: PendingFile
        do throws(SnapError) {
            pending = try PendingFile(replacingLeftoversIn: directory, for: name)
        } catch let error where error.errno == .noSuchFileOrDirectory {
            throw SnapError(.cannotCreate, "the directory does not exist", path: directory.path)
        } catch let error where error.errno == .notDirectory {
            throw SnapError(.cannotCreate, "is not a directory", path: directory.path)
        }
        guard try pending.file.fileSystem() != .hugetlbfs else {
            throw Self.hugePagesError(directory.file(name))
        }
        if let existing, try Self.mayKeepOwnerAndMode(existing, in: directory) {
            try pending.file.takeOwnerAndMode(
                of: existing,
                hasAccessList: Self.mayHaveAccessList(name, in: directory))
        } else if isPublic {
            try pending.file.setPermissions(Self.publicPermissions)
        }
        self.directory = directory
        self.name = name
        self.pending = pending
        self.isForced = isForced
        isNew = existing == nil
    }

    private static let publicPermissions: UInt32 = 0o644

    /// Whether the output may take over an existing file's owner and mode.
    private static func mayKeepOwnerAndMode(
        _ existing: FileStatus, in directory: Directory
    ) throws(SnapError) -> Bool {
        if geteuid() != 0 { return existing.userID == geteuid() }
        return try directory.isClosedToOthers()
    }

    /// Whether a file has an access list; true also if that cannot be determined.
    private static func mayHaveAccessList(_ name: String, in directory: Directory) -> Bool {
        do throws(SnapError) {
            return try File(reading: name, in: directory).hasAccessList()
        } catch {
            return true
        }
    }

    /// Checks the existing file that has the name of an output.
    ///
    /// - Parameters:
    ///   - name: The name of the output.
    ///   - directory: The directory that will contain the output.
    ///   - isForced: Whether to replace an existing regular file. A symbolic link is never
    ///     replaced, because the file that it points to would keep the old content.
    /// - Returns: The status of the file that will be replaced; nil if the name does not exist.
    /// - Throws: `.cannotCreate` if the name exists or is not possible, `.permission` or
    ///   `.inputOutput`.
    package static func check(
        _ name: String, in directory: Directory, isForced: Bool
    ) throws(SnapError) -> FileStatus? {
        let path = directory.shown(name)
        let found: FileStatus?
        do throws(SnapError) { found = try directory.status(of: name) } catch {
            throw withPathErrorCode(error)
        }
        guard let found else { return nil }
        switch found.kind {
        case .regular: break
        case .symbolicLink: throw try linkError(name, in: directory)
        default:
            throw SnapError(
                .cannotCreate, "already exists and is \(found.kind.rawValue)", path: path)
        }
        guard isForced else {
            throw SnapError(
                .cannotCreate, "already exists", path: path, hint: "use --force to replace it")
        }
        return found
    }

    /// Opens an existing file for an update in place.
    ///
    /// If other users can create files in the directory, the file must belong to the effective user
    /// or be open in a QEMU process.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - directory: The directory that contains the file.
    /// - Returns: The file, open for reading and writing.
    /// - Throws: `.mismatch` if no regular file has the name; `.cannotCreate` for a symbolic link;
    ///   `.permission` for another user's file; `.inputOutput`.
    package static func openExisting(
        _ name: String, in directory: Directory
    ) throws(SnapError) -> File {
        let path = directory.shown(name)
        let found: FileStatus?
        do throws(SnapError) { found = try directory.status(of: name) } catch {
            throw withPathErrorCode(error)
        }
        guard let found, found.kind == .regular || found.kind == .symbolicLink else {
            throw SnapError(
                .mismatch, "is not an existing regular file", path: path)
        }
        if found.kind == .symbolicLink { throw try linkError(name, in: directory) }
        let file = try File(updating: name, in: directory)
        let status = try file.status()
        let isClosed = try directory.isClosedToOthers()
        guard
            status.userID == geteuid() || isClosed
                || ProcessIdentity.isOpenInQEMU(status.identity, directory.calls)
        else {
            throw SnapError(
                .permission,
                "belongs to user \(status.userID) and is in a directory that others can write to",
                path: path, hint: "restore to a new file")
        }
        return file
    }

    private static func linkError(
        _ name: String, in directory: Directory
    ) throws(SnapError) -> SnapError {
        let target = try directory.target(ofLink: name)
        return SnapError(
            .cannotCreate, "already exists and is a symbolic link", path: directory.shown(name),
            hint: "name the file itself: \(directory.shown(target))")
    }

    /// Changes the code of an error that means that no file can have the path.
    ///
    /// - Parameter error: The error of a system call.
    /// - Returns: The error with `.cannotCreate` if the path is not possible; otherwise `error`.
    package static func withPathErrorCode(_ error: SnapError) -> SnapError {
        let refusals: [Errno?] = [.notDirectory, .fileNameTooLong, .tooManySymbolicLinkLevels]
        return refusals.contains(error.errno) ? error.with(code: .cannotCreate) : error
    }

    /// Creates the error for a file that can only be written through a mapping.
    ///
    /// - Parameter path: The file's path.
    /// - Returns: The error, with the code `.unsupported`.
    package static func hugePagesError(_ path: FilePath) -> SnapError {
        SnapError(
            .unsupported, "is on hugetlbfs, whose files cannot be written with write(2)",
            path: path, hint: "restore to another file system and copy the file through a mapping")
    }

    /// Sets the length; parts that are not written are holes.
    ///
    /// - Parameter byteCount: The length in bytes.
    /// - Throws: `.inputOutput`.
    package func setLength(_ byteCount: Int) throws(SnapError) {
        try pending.file.setLength(byteCount)
    }

    /// Writes all bytes of a span at an offset.
    ///
    /// - Parameters:
    ///   - bytes: The bytes to write.
    ///   - offset: The offset of the first of them in the file, in bytes.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func write(_ bytes: RawSpan, at offset: Int) throws(SnapError) {
        try pending.file.write(bytes, at: offset)
    }

    /// Passes the file to a closure that writes it from start to end.
    ///
    /// - Parameter body: Writes the file.
    /// - Throws: What `body` throws.
    package func withFile(
        _ body: (borrowing File) throws(SnapError) -> Void
    ) throws(SnapError) {
        try body(pending.file)
    }

    /// Gives the file its name.
    ///
    /// On failure the output is deleted, unless only the wait for its name to be on the disk fails.
    ///
    /// - Parameter isSynchronized: Whether to wait until the file's bytes are on the disk before it
    ///   gets its name, and until the name is on the disk afterwards.
    /// - Throws: `.cannotCreate` if another process has created the name in the meantime and
    ///   `isForced` was false; `.permission` or `.inputOutput`.
    package consuming func publish(isSynchronized: Bool) throws(SnapError) {
        if isSynchronized { try pending.file.synchronize() }
        let directory = directory
        if isForced {
            try pending.publish(replacing: name)
        } else {
            try pending.publish(as: name)
        }
        if isSynchronized { try directory.synchronize() }
    }
}
