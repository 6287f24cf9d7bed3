// CheckpointStore
//
// A store on disk, below every operation: how it is opened, locked, made and repaired, and how its
// checkpoints are read. It imports the index and the file format, and no operation. Start at
// `Store`; a guest's files and locks are `GuestDirectory`; Read reads pages, Upkeep is what a
// writer does before its own work, and what frees space.

package import CheckpointIndex
package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// A store, open: its identity, its index, and the lock that keeps both in place.
package struct Store: ~Copyable {
    /// Where it is.
    package let directory: StoreDirectory
    /// Its id and digest key.
    package let identity: StoreIdentity
    /// Its index.
    package let index: CheckpointIndex
    private let lock: LockFile?

    /// Opens an existing store to read from it.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - context: How to run.
    /// - Throws: `.notFound` if there is no store, `.damaged` with a hint, `.unsupported`,
    ///   `.busy`, `.permission` or `.inputOutput`.
    package init(reading path: FilePath, _ context: WorkContext) throws(SnapError) {
        let store = StoreDirectory(path, context)
        let directory = store.root
        guard try directory.status() != nil else {
            throw SnapError(
                .notFound, "there is no store here", path: path, hint: "the first save makes it")
        }
        guard try store.hasIdentity() else {
            if try store.guests().isEmpty {
                throw SnapError(
                    .notFound, "is no store: it has no \(StoreDirectory.identityName)", path: path)
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

    /// Opens a store to write to it; makes it where it is not there, and what of it is missing.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - context: How to run.
    /// - Throws: as for reading, but for what can be made.
    package init(writing path: FilePath, _ context: WorkContext) throws(SnapError) {
        let store = StoreDirectory(path, context)
        let directory = store.root
        try directory.make()
        while true {
            let lock = try store.sharedLock(context)
            if try Self.isComplete(directory) {
                let identity = try StoreIdentity(readingFrom: directory)
                let index = try CheckpointIndex(
                    StoreDirectory.indexName, in: directory, isWritable: true,
                    warn: context.warn)
                if try !index.needsMigration() {
                    self.init(store, identity: identity, index: index, lock: lock)
                    return
                }
            }
            try Self.complete(store, releasing: lock, context)
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
        return try !IndexFiles.haveForeignJournal(StoreDirectory.indexName, in: directory)
    }

    /// Makes what is missing, or migrates the schema, with the lock held exclusively.
    private static func complete(
        _ store: StoreDirectory, releasing shared: consuming LockFile, _ context: WorkContext
    ) throws(SnapError) {
        _ = consume shared
        let directory = store.root
        try store.withExclusiveLock(context) { () throws(SnapError) in
            // Another process may have done it before the lock was ours.
            if try !store.hasIdentity() { try StoreIdentity.remake(in: store) }
            // An index of no bytes has lost its rows as one that is missing has.
            let name = StoreDirectory.indexName
            let isEmpty = try directory.status(of: name)?.byteCount ?? 0 == 0
            let isForeign = try IndexFiles.haveForeignJournal(name, in: directory)
            if isEmpty || isForeign {
                _ = try IndexRebuild(skipsUnreadable: false).run(
                    in: store, context.withoutProgress)
            }
            try CheckpointIndex(name, in: directory, isWritable: true, warn: context.warn)
                .migrate()
        }
    }

    /// A guest's directory.
    ///
    /// - Parameter guest: Which guest.
    package func guest(_ guest: GuestName) -> GuestDirectory { directory.guest(guest) }
}
