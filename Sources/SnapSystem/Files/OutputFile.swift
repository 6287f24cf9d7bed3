import Glibc
package import SystemPackage

/// A file that a command makes for its user: it has its name only when it is whole.
package struct OutputFile: ~Copyable, Sendable {
    private let directory: Directory
    private let name: String
    private let pending: PendingFile
    private let isForced: Bool
    /// Whether nothing had its name when it was begun.
    package let isNew: Bool

    /// Begins a file, after a look at what has its name.
    ///
    /// A file that is replaced leaves its owner, group and permission bits to the new one if it
    /// belongs to the effective user; to root, only where nobody else can have put it there. Else
    /// the new file is the caller's, with mode 0600.
    ///
    /// - Parameters:
    ///   - name: The name that it will have.
    ///   - directory: Where it will be.
    ///   - isForced: Whether an existing regular file is replaced.
    /// - Throws: `.cannotCreate` if the name is taken, `.permission` or `.inputOutput`.
    package init(
        _ name: String, in directory: Directory, isForced: Bool
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
            throw Self.isOnHugePages(directory.file(name))
        }
        if let existing, try Self.isTrusted(existing, in: directory) {
            try pending.file.takeOwnerAndMode(
                of: existing,
                hasAccessList: Self.mayHaveAccessList(name, in: directory))
        }
        self.directory = directory
        self.name = name
        self.pending = pending
        self.isForced = isForced
        isNew = existing == nil
    }

    /// Whether the owner and the mode of a file that is there are the caller's own choice.
    private static func isTrusted(
        _ existing: FileStatus, in directory: Directory
    ) throws(SnapError) -> Bool {
        if geteuid() != 0 { return existing.userID == geteuid() }
        return try directory.isClosedToOthers()
    }

    /// Whether a file has an access list; also if that cannot be known.
    private static func mayHaveAccessList(_ name: String, in directory: Directory) -> Bool {
        do throws(SnapError) {
            return try File(reading: name, in: directory).hasAccessList()
        } catch {
            return true
        }
    }

    /// Looks at what has a name that is to be an output's.
    ///
    /// - Parameters:
    ///   - name: The name.
    ///   - directory: Where it is.
    ///   - isForced: Whether an existing regular file is replaced. A symbolic link is not: the
    ///     file that it points to would keep the old content.
    /// - Returns: The file that will be replaced; nil if nothing has the name.
    /// - Throws: `.cannotCreate` if the name is taken or cannot be one, `.permission` or
    ///   `.inputOutput`.
    package static func check(
        _ name: String, in directory: Directory, isForced: Bool
    ) throws(SnapError) -> FileStatus? {
        let path = directory.shown(name)
        let found: FileStatus?
        do throws(SnapError) { found = try directory.status(of: name) } catch {
            throw cannotBeMade(error)
        }
        guard let found else { return nil }
        switch found.kind {
        case .regular: break
        case .symbolicLink: throw try isLink(name, in: directory)
        default:
            throw SnapError(.cannotCreate, "exists and is \(found.kind.rawValue)", path: path)
        }
        guard isForced else {
            throw SnapError(.cannotCreate, "exists", path: path, hint: "--force replaces it")
        }
        return found
    }

    /// Opens a file that is there, to be updated in place.
    ///
    /// Where others than the caller can have put it there, it must be the caller's own, or one that
    /// a process of QEMU has open.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - directory: Where it is.
    /// - Throws: `.mismatch` if no regular file has the name; `.cannotCreate` for a symbolic link;
    ///   `.permission` for a file of somebody else's; `.inputOutput`.
    package static func openExisting(
        _ name: String, in directory: Directory
    ) throws(SnapError) -> File {
        let path = directory.shown(name)
        let found: FileStatus?
        do throws(SnapError) { found = try directory.status(of: name) } catch {
            throw cannotBeMade(error)
        }
        guard let found, found.kind == .regular || found.kind == .symbolicLink else {
            throw SnapError(
                .mismatch, "is no file that is there, expected a regular file", path: path)
        }
        if found.kind == .symbolicLink { throw try isLink(name, in: directory) }
        let file = try File(updating: name, in: directory)
        let status = try file.status()
        let isClosed = try directory.isClosedToOthers()
        guard
            status.userID == geteuid() || isClosed
                || ProcessIdentity.isOpenInQEMU(status.identity, directory.calls)
        else {
            throw SnapError(
                .permission,
                "belongs to user \(status.userID), in a directory that others can write to",
                path: path, hint: "restore to a new file")
        }
        return file
    }

    private static func isLink(
        _ name: String, in directory: Directory
    ) throws(SnapError) -> SnapError {
        let target = try directory.target(ofLink: name)
        return SnapError(
            .cannotCreate, "exists and is a symbolic link", path: directory.shown(name),
            hint: "name the file itself: \(directory.shown(target))")
    }

    /// The error of a path that no file can have.
    ///
    /// - Parameter error: What the system says of it.
    /// - Returns: `.cannotCreate` if that is about the path, else the error itself.
    package static func cannotBeMade(_ error: SnapError) -> SnapError {
        let refusals: [Errno?] = [.notDirectory, .fileNameTooLong, .tooManySymbolicLinkLevels]
        return refusals.contains(error.errno) ? error.with(code: .cannotCreate) : error
    }

    /// The error of a file that can only be written through a mapping.
    ///
    /// - Parameter path: The file.
    package static func isOnHugePages(_ path: FilePath) -> SnapError {
        SnapError(
            .unsupported, "is on hugetlbfs, whose files cannot be written with write(2)",
            path: path, hint: "restore to another file system and copy through a mapping")
    }

    /// Sets the length; what is not written is a hole.
    ///
    /// - Parameter byteCount: The length in bytes.
    /// - Throws: `.inputOutput`.
    package func setLength(_ byteCount: Int) throws(SnapError) {
        try pending.file.setLength(byteCount)
    }

    /// Writes bytes at a place.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - offset: Where, in bytes from the file's start.
    /// - Throws: `.inputOutput`.
    package func write(_ bytes: RawSpan, at offset: Int) throws(SnapError) {
        try pending.file.write(bytes, at: offset)
    }

    /// Lends the file, to be written from its start to its end.
    ///
    /// - Parameter body: What writes it.
    /// - Throws: What `body` throws.
    package func withFile(
        _ body: (borrowing File) throws(SnapError) -> Void
    ) throws(SnapError) {
        try body(pending.file)
    }

    /// Gives the file its name.
    ///
    /// - Parameter isSynchronized: Whether its bytes must be on the disk before, and its name
    ///   after.
    /// - Throws: `.cannotCreate` if the name has been taken meanwhile, `.permission` or
    ///   `.inputOutput`; the file is then gone.
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
