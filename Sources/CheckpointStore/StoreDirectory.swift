package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// A store's directory and the layout of the files in it, whether or not a store is there.
package struct StoreDirectory: Sendable {
    /// The directory.
    package let root: Directory

    static let lockName = "lock"
    static let indexName = "index.sqlite"
    static let newIndexName = "index.sqlite.new"
    static let identityName = "store.json"
    static let guestsName = "guests"

    static let reindexHint = "snap reindex rebuilds it from the files"
    static let listHint = "snap list shows what there is"

    /// Names a store's directory.
    ///
    /// - Parameters:
    ///   - path: Where it is; it may be a symbolic link.
    ///   - context: How to run.
    package init(_ path: FilePath, _ context: WorkContext) {
        root = Directory(
            path, ownership: StoreOwnership(isTrusted: context.trustsStore), context.calls)
    }

    /// Where it is.
    package var path: FilePath { root.path }

    /// A guest's directory.
    ///
    /// - Parameter guest: Which guest.
    package func guest(_ guest: GuestName) -> GuestDirectory {
        GuestDirectory(
            name: guest,
            directory: root.directory(Self.guestsName).directory(guest.description))
    }

    /// The guests that have a directory, by name.
    ///
    /// A file is no guest. A symbolic link or another special file that has a guest's name is
    /// listed; opening it is an error.
    ///
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

    /// Keeps the store and its index in place for a writer; any number of writers may.
    ///
    /// Who may only read needs no lock: a new index takes the old one's place at once.
    ///
    /// - Parameter context: How long to wait for the lock.
    /// - Throws: `.busy`, `.permission` or `.inputOutput`.
    func sharedLock(_ context: WorkContext) throws(SnapError) -> LockFile {
        try root.checkWritable()
        return try LockFile(.shared, Self.lockName, in: root, timeout: context.lockTimeout)
    }
}

extension StoreDirectory {
    /// Whether it has a file that says which store it is, readable or not.
    ///
    /// - Throws: `.permission` or `.inputOutput`.
    package func hasIdentity() throws(SnapError) -> Bool {
        try root.status(of: Self.identityName) != nil
    }

    /// Runs a closure while no other command can write to the store.
    ///
    /// - Parameters:
    ///   - context: How long to wait for the lock.
    ///   - body: What changes the store itself.
    /// - Throws: `.busy`, `.permission` or `.inputOutput`, and what `body` throws.
    package func withExclusiveLock<Result: ~Copyable>(
        _ context: WorkContext, _ body: () throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        try root.checkWritable()
        let lock = try LockFile(
            .exclusive, Self.lockName, in: root, timeout: context.lockTimeout)
        return try withExtendedLifetime(lock, body)
    }
}
