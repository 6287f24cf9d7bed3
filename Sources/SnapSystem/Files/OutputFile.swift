public import SystemPackage

/// A file that a command makes for its user: it has its name only when it is whole.
public struct OutputFile: ~Copyable, Sendable {
    private let directory: Directory
    private let name: String
    private let pending: PendingFile
    private let isForced: Bool
    /// Whether nothing had its name when it was begun.
    public let isNew: Bool

    /// Begins a file, after a look at what has its name.
    ///
    /// - Parameters:
    ///   - path: The name that it will have.
    ///   - calls: The seam.
    ///   - isForced: Whether an existing regular file is replaced, its owner and mode kept.
    /// - Throws: `.cannotCreate` if the name is taken, `.permission` or `.inputOutput`.
    public init(_ path: FilePath, _ calls: SystemCalls, isForced: Bool) throws(SnapError) {
        let (directory, name) = try Directory.holding(path, calls)
        let existing = try directory.status(of: name)
        if let existing {
            guard existing.kind == .regular else {
                throw SnapError(.cannotCreate, "exists and is not a regular file", path: path)
            }
            guard isForced else {
                throw SnapError(
                    .cannotCreate, "exists", path: path, hint: "--force replaces it")
            }
        }
        let pending: PendingFile
        do throws(SnapError) {
            pending = try PendingFile(in: directory, for: name)
        } catch let error where error.code == .notFound {
            throw SnapError(.cannotCreate, "the directory does not exist", path: directory.path)
        }
        if let existing { try pending.file.takeOwnerAndMode(of: existing) }
        self.directory = directory
        self.name = name
        self.pending = pending
        self.isForced = isForced
        isNew = existing == nil
    }

    /// Sets the length; what is not written is a hole.
    ///
    /// - Parameter byteCount: The length in bytes.
    /// - Throws: `.inputOutput`.
    public func setLength(_ byteCount: Int) throws(SnapError) {
        try pending.file.setLength(byteCount)
    }

    /// Writes bytes at a place.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - offset: Where, in bytes from the file's start.
    /// - Throws: `.inputOutput`.
    public func write(_ bytes: RawSpan, at offset: Int) throws(SnapError) {
        try pending.file.write(bytes, at: offset)
    }

    /// Lends the file, to be written from its start to its end.
    ///
    /// - Parameter body: What writes it.
    /// - Throws: What `body` throws.
    public func withFile(
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
    public consuming func publish(isSynchronized: Bool) throws(SnapError) {
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
