package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// A store's directory and the layout of its files; the store itself need not exist.
package struct StoreDirectory: Sendable {
    /// The directory that contains all files of the store.
    package let root: Directory

    static let lockName = "lock"
    static let indexName = "index.sqlite"
    static let newIndexName = "index.sqlite.new"
    static let identityName = "store.json"
    static let guestsName = "guests"

    static let reindexHint = "run snap reindex to rebuild it from the files"
    static let listHint = "run snap list to show all checkpoints"

    /// Creates a reference to a store's directory without accessing it.
    ///
    /// - Parameters:
    ///   - path: The path of the directory, which may be a symbolic link.
    ///   - context: Supplies the system calls, and whether owners and modes are trusted.
    package init(_ path: FilePath, _ context: WorkContext) {
        root = Directory(
            path, ownership: StoreOwnership(isTrusted: context.trustsStore), context.calls)
    }

    /// The path of the directory, as the user gave it.
    package var path: FilePath { root.path }

    /// Locates a guest's directory without accessing it.
    ///
    /// - Parameter guest: The guest.
    /// - Returns: The directory, whether it exists or not.
    package func guest(_ guest: GuestName) -> GuestDirectory {
        GuestDirectory(
            name: guest,
            directory: root.directory(Self.guestsName).directory(guest.description))
    }

    /// Lists the guests that have a directory.
    ///
    /// The list contains no regular files. It does contain a symbolic link or special file that has
    /// a guest's name, because opening it must report an error.
    ///
    /// - Returns: The guests, ordered by name; empty if the store does not exist.
    /// - Throws: `.damaged`, `.permission` or `.inputOutput`.
    package func guests() throws(SnapError) -> [GuestName] {
        let guests = root.directory(Self.guestsName)
        guard try guests.status() != nil else { return [] }
        var found: [GuestName] = []
        for name in try guests.names() {
            guard let guest = GuestName(name) else { continue }
            if try guests.status(of: name)?.kind != .regular { found.append(guest) }
        }
        return found
    }

    /// Takes the lock that keeps the store and its index in place for a writer.
    ///
    /// Any number of writers can hold this lock at the same time. A reader needs no lock, because a
    /// new index replaces the old one by a single rename.
    ///
    /// - Parameter context: Supplies the lock timeout.
    /// - Returns: The lock, held until its lifetime ends.
    /// - Throws: `.busy`, `.permission` or `.inputOutput`.
    func sharedLock(_ context: WorkContext) throws(SnapError) -> LockFile {
        try root.checkWritable()
        return try LockFile(.shared, Self.lockName, in: root, timeout: context.lockTimeout)
    }
}

extension StoreDirectory {
    /// Checks whether `store.json` exists, readable or not.
    ///
    /// - Returns: Whether a file of that name exists.
    /// - Throws: `.permission` or `.inputOutput`.
    package func hasIdentity() throws(SnapError) -> Bool {
        try root.status(of: Self.identityName) != nil
    }

    /// Runs a closure while no other process can write to the store.
    ///
    /// - Parameters:
    ///   - context: Supplies the lock timeout.
    ///   - body: Changes the store's identity or index while the lock is held.
    /// - Returns: The result of `body`.
    /// - Throws: `.busy`, `.permission` or `.inputOutput`, and the errors of `body`.
    package func withExclusiveLock<Result: ~Copyable>(
        _ context: WorkContext, _ body: () throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        try root.checkWritable()
        let lock = try LockFile(
            .exclusive, Self.lockName, in: root, timeout: context.lockTimeout)
        return try withExtendedLifetime(lock, body)
    }
}
