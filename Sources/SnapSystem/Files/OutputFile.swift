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
    /// - Parameters:
    ///   - path: The name that it will have.
    ///   - calls: The system calls.
    ///   - isForced: Whether an existing regular file is replaced, its owner and mode kept.
    /// - Throws: `.cannotCreate` if the name is taken, `.permission` or `.inputOutput`.
    package init(_ path: FilePath, _ calls: SystemCalls, isForced: Bool) throws(SnapError) {
        let (directory, name) = try Directory.holding(path, calls)
        let existing = try Self.check(name, in: directory, isForced: isForced)
        let pending: PendingFile
        do throws(SnapError) {
            pending = try PendingFile(in: directory, for: name)
        } catch let error where error.errno == .noSuchFileOrDirectory {
            throw SnapError(.cannotCreate, "the directory does not exist", path: directory.path)
        } catch let error where error.errno == .notDirectory {
            throw SnapError(.cannotCreate, "is not a directory", path: directory.path)
        }
        guard try pending.file.fileSystem() != .hugetlbfs else { throw Self.isOnHugePages(path) }
        if let existing { try pending.file.takeOwnerAndMode(of: existing) }
        self.directory = directory
        self.name = name
        self.pending = pending
        self.isForced = isForced
        isNew = existing == nil
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
        do throws(SnapError) { found = try directory.statusOfLink(name) } catch {
            throw cannotBeMade(error)
        }
        guard let found else { return nil }
        switch found.kind {
        case .regular: break
        case .symbolicLink:
            let target = try directory.target(ofLink: name)
            throw SnapError(
                .cannotCreate, "exists and is a symbolic link", path: path,
                hint: "name the file itself: \(directory.shown(target))")
        default:
            throw SnapError(.cannotCreate, "exists and is \(found.kind.rawValue)", path: path)
        }
        guard isForced else {
            throw SnapError(.cannotCreate, "exists", path: path, hint: "--force replaces it")
        }
        return found
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
