import CheckpointIndex
package import GuestMemory
import SavevmFormat
import SnapSystem
package import WorkPipeline

/// Deletes the directories that a failed save has created for a new guest or a new store.
package enum NewStoreRemoval {
    /// Deletes the guest's directory, then the store's if the save has created it.
    ///
    /// A guest's directory must contain only locks and unfinished files, a store no guest.
    /// Keeps a directory that cannot be deleted or that another process uses. An empty guest or
    /// store does no harm, so this function reports no failure.
    ///
    /// - Parameters:
    ///   - guest: The guest, which had no directory before the save.
    ///   - store: The store's directory.
    ///   - isNewStore: Whether the save also created the store.
    ///   - context: The context of the save; its lock timeout is not used.
    package static func run(
        _ guest: GuestName, in store: StoreDirectory, isNewStore: Bool,
        _ context: WorkContext
    ) {
        let context = context.withoutWaiting
        do throws(SnapError) {
            try remove(store.guest(guest), context)
            if isNewStore { try remove(store, context) }
        } catch {
            // The user needs the error of the save itself, which the caller throws.
        }
    }

    private static func remove(
        _ guest: GuestDirectory, _ context: WorkContext
    ) throws(SnapError) {
        let directory = guest.directory
        guard try directory.status() != nil else { return }
        try guest.withWriterLock(context) { () throws(SnapError) in
            let others = try directory.names().filter { !GuestDirectory.lockNames.contains($0) }
            guard others.allSatisfy(PendingFile.isTemporary) else { return }
            for name in others + GuestDirectory.lockNames { try directory.remove(name) }
            try directory.removeIfEmpty()
        }
    }

    private static func remove(
        _ store: StoreDirectory, _ context: WorkContext
    ) throws(SnapError) {
        let directory = store.root
        guard try directory.status() != nil else { return }
        try store.withExclusiveLock(context) { () throws(SnapError) in
            let guests = directory.directory(StoreDirectory.guestsName)
            if try guests.status() != nil { try guests.removeIfEmpty() }
            guard try guests.status() == nil else { return }
            let databases = [StoreDirectory.indexName, StoreDirectory.newIndexName]
            for name in databases {
                try directory.remove(name)
                try IndexFiles.removeJournals(of: name, in: directory)
            }
            for name in [StoreDirectory.identityName, StoreDirectory.lockName] {
                try directory.remove(name)
            }
            try directory.removeIfEmpty()
        }
    }
}
