package import GuestMemory
import SavevmFormat
import SnapSystem

/// Removes the directories that a failed save has made for a new guest, or a new store.
package enum NewStoreRemoval {
    /// Removes a guest's directory if nothing but locks is in it, and the store if it has no guest.
    ///
    /// What cannot be removed, or is in use by now, stays: an empty guest or store does no harm.
    ///
    /// - Parameters:
    ///   - guest: The guest, which had no directory before the save.
    ///   - store: The store's directory.
    ///   - isNewStore: Whether the store was not there before the save either.
    package static func run(_ guest: GuestName, in store: StoreDirectory, isNewStore: Bool) {
        do throws(SnapError) {
            try remove(store.guest(guest))
            if isNewStore { try remove(store) }
        } catch {
            // The save's own error says more.
        }
    }

    private static func remove(_ guest: GuestDirectory) throws(SnapError) {
        let directory = guest.directory
        guard try directory.status() != nil else { return }
        try guest.withWriterLock(timeout: .zero) { () throws(SnapError) in
            let others = try directory.names().filter { !GuestDirectory.lockNames.contains($0) }
            guard others.allSatisfy(PendingFile.isTemporary) else { return }
            for name in others + GuestDirectory.lockNames { try directory.remove(name) }
            try directory.removeIfEmpty()
        }
    }

    private static func remove(_ store: StoreDirectory) throws(SnapError) {
        let directory = store.directory
        guard try directory.status() != nil else { return }
        try store.withExclusiveLock(timeout: .zero) { () throws(SnapError) in
            let guests = directory.directory(StoreDirectory.guestsName)
            if try guests.status() != nil { try guests.removeIfEmpty() }
            guard try guests.status() == nil else { return }
            let databases = [StoreDirectory.indexName, StoreDirectory.newIndexName]
            let own =
                databases + databases.map { $0 + "-journal" } + [StoreDirectory.identityName]
            for name in own + [StoreDirectory.lockName] { try directory.remove(name) }
            try directory.removeIfEmpty()
        }
    }
}
