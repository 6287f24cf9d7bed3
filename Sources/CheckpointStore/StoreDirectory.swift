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
    ///   - path: Where it is.
    ///   - calls: The system calls.
    package init(_ path: FilePath, _ calls: SystemCalls) {
        root = Directory(path, calls)
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
    /// - Throws: `.permission` or `.inputOutput`.
    package func guests() throws(SnapError) -> [GuestName] {
        let guests = root.directory(Self.guestsName)
        guard try guests.status() != nil else { return [] }
        var found: [GuestName] = []
        for name in try guests.names() {
            guard let guest = GuestName(name) else { continue }
            if try guests.status(of: name)?.kind == .directory { found.append(guest) }
        }
        return found
    }

    /// The store's lock file, made if need be.
    ///
    /// - Throws: `.permission` or `.inputOutput`.
    func lockFile() throws(SnapError) -> File {
        try File(makingIfAbsent: root.file(Self.lockName), root.calls)
    }
}

extension StoreDirectory {
    /// Whether it has a file that says which store it is, readable or not.
    ///
    /// - Throws: `.permission` or `.inputOutput`.
    package func hasIdentity() throws(SnapError) -> Bool {
        try root.status(of: Self.identityName) != nil
    }

    /// Runs a closure while no other command can use the store.
    ///
    /// - Parameters:
    ///   - context: How long to wait for the lock.
    ///   - body: What changes the store itself.
    /// - Throws: `.busy`, `.permission` or `.inputOutput`, and what `body` throws.
    package func withExclusiveLock<Result: ~Copyable>(
        _ context: WorkContext, _ body: () throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let lock = try FileLock(.exclusive, try lockFile(), timeout: context.lockTimeout)
        return try withExtendedLifetime(lock, body)
    }
}
