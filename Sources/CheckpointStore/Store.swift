// CheckpointStore
//
// Opens, locks, creates and repairs a store on disk, and reads its checkpoints. All operations use
// this part. It imports the index and the file format, but no operation.
//
// Start at `Store`. `GuestDirectory` has a guest's files and locks. The folder Read reads pages.
// The folder Upkeep contains the reconciliation that each writer runs before its own work. The
// folder Space deletes checkpoints and frees their space; start there at `SpaceReclamation`. The
// folder Records keeps what verifications have found.

package import CheckpointIndex
package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// An open store: its identity, its index, and the lock that keeps both in place.
package struct Store: ~Copyable {
    /// The store's directory.
    package let directory: StoreDirectory
    /// The store's id and digest key.
    package let identity: StoreIdentity
    /// The index, writable only if the store was opened for writing.
    package let index: CheckpointIndex
    private let lock: LockFile?

    /// Opens an existing store for reading.
    ///
    /// Takes no lock on the store.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - context: Supplies the system calls and receives warnings.
    /// - Throws: `.notFound` if there is no store; `.damaged` with a hint; `.unsupported`, `.busy`,
    ///   `.permission` or `.inputOutput`.
    package init(reading path: FilePath, _ context: WorkContext) throws(SnapError) {
        let store = StoreDirectory(path, context)
        let directory = store.root
        guard try directory.status() != nil else {
            throw SnapError(
                .notFound, "store does not exist", path: path, hint: "run snap save to create it")
        }
        guard try store.hasIdentity() else {
            if try store.guests().isEmpty {
                throw SnapError(
                    .notFound, "is not a store: \(StoreDirectory.identityName) is missing",
                    path: path)
            }
            throw Self.missing(StoreDirectory.identityName, in: directory)
        }
        let identity = try StoreIdentity(readingFrom: directory)
        guard try directory.status(of: StoreDirectory.indexName) != nil else {
            throw Self.missing(StoreDirectory.indexName, in: directory)
        }
        let index = try CheckpointIndex(
            StoreDirectory.indexName, in: directory, isWritable: false, warn: context.warn)
        self.init(store, identity: identity, index: index, lock: nil)
    }

    private static func missing(_ name: String, in directory: Directory) -> SnapError {
        SnapError(
            .damaged, "is missing", path: directory.file(name),
            hint: StoreDirectory.reindexHint)
    }

    /// Opens a store for writing and holds its lock shared.
    ///
    /// Creates the store if it does not exist, and rebuilds a missing `store.json` or index.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - addsCheckpoints: Whether checkpoints will be added. The store then gets the current
    ///     format version, so that an older snap refuses it.
    ///   - context: Supplies the lock timeout and the system calls, and receives warnings.
    /// - Throws: `.damaged` with a hint; `.unsupported`, `.busy`, `.permission`, `.inputOutput` or
    ///   `.interrupted`.
    package init(
        writing path: FilePath, addsCheckpoints: Bool, _ context: WorkContext
    ) throws(SnapError) {
        let store = StoreDirectory(path, context)
        let directory = store.root
        try directory.create()
        while true {
            let lock = try store.sharedLock(context)
            if try Self.isComplete(directory) {
                let identity = try StoreIdentity(readingFrom: directory)
                let index = try CheckpointIndex(
                    StoreDirectory.indexName, in: directory, isWritable: true,
                    warn: context.warn)
                let isOutdated = addsCheckpoints && identity.isOutdated
                if try !index.needsMigration() && !isOutdated {
                    self.init(store, identity: identity, index: index, lock: lock)
                    return
                }
            }
            try Self.complete(
                store, raisesVersion: addsCheckpoints, releasing: lock, context)
        }
    }

    private init(
        _ directory: StoreDirectory, identity: StoreIdentity, index: CheckpointIndex,
        lock: consuming LockFile?
    ) {
        self.directory = directory
        self.identity = identity
        self.index = index
        self.lock = lock
    }

    private static func isComplete(_ directory: Directory) throws(SnapError) -> Bool {
        for name in [StoreDirectory.identityName, StoreDirectory.indexName] {
            if try directory.status(of: name) == nil { return false }
        }
        return try !IndexFiles.hasForeignJournal(StoreDirectory.indexName, in: directory)
    }

    /// Creates the missing files or converts old ones, with the lock held exclusively.
    ///
    /// So no older snap, which would not know the new format version, writes to the store.
    private static func complete(
        _ store: StoreDirectory, raisesVersion: Bool, releasing shared: consuming LockFile,
        _ context: WorkContext
    ) throws(SnapError) {
        _ = consume shared
        let directory = store.root
        try store.withExclusiveLock(context) { () throws(SnapError) in
            // Another process may have created the files before this one had the lock.
            if try !store.hasIdentity() { try StoreIdentity.recreate(in: store) }
            let identity = try StoreIdentity(readingFrom: directory)
            if raisesVersion && identity.isOutdated { try identity.write(to: directory) }
            // An empty index file has lost its rows, like a missing one.
            let name = StoreDirectory.indexName
            let isEmpty = try directory.status(of: name)?.byteCount ?? 0 == 0
            let isForeign = try IndexFiles.hasForeignJournal(name, in: directory)
            if isEmpty || isForeign {
                _ = try IndexRebuild(skipsUnreadable: false).run(
                    in: store, context.withoutProgress)
            }
            try CheckpointIndex(name, in: directory, isWritable: true, warn: context.warn)
                .migrate()
        }
    }

    /// Locates a guest's directory without accessing it.
    ///
    /// - Parameter guest: The guest.
    /// - Returns: The directory, whether it exists or not.
    package func guest(_ guest: GuestName) -> GuestDirectory { directory.guest(guest) }
}
