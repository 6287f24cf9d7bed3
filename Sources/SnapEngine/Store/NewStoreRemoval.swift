import GuestMemory
import SavevmFormat
import SnapSystem

/// Removes the directories that a failed save has made for a new guest, or a new store.
enum NewStoreRemoval {
    /// Removes a guest's directory if nothing but locks is in it, and the store if it has no guest.
    ///
    /// What cannot be removed, or is in use by now, stays: an empty guest or store does no harm.
    ///
    /// - Parameters:
    ///   - guest: The guest, which had no directory before the save.
    ///   - store: The store's directory.
    ///   - isNewStore: Whether the store was not there before the save either.
    static func run(_ guest: GuestName, in store: Directory, isNewStore: Bool) {
        do throws(SnapError) {
            try remove(Store.guest(guest, in: store))
            if isNewStore { try remove(store) }
        } catch {
            // The save's own error says more.
        }
    }

    private static func remove(_ guest: GuestDirectory) throws(SnapError) {
        let directory = guest.directory
        guard try directory.status() != nil else { return }
        let lock = try guest.lockForWriting(patience: .zero)
        let others = try directory.names().filter { !GuestDirectory.lockNames.contains($0) }
        guard others.allSatisfy(PendingFile.isTemporary) else { return }
        for name in others + GuestDirectory.lockNames { try directory.remove(name) }
        try directory.removeIfEmpty()
        _ = consume lock
    }

    private static func remove(_ store: Directory) throws(SnapError) {
        guard try store.status() != nil else { return }
        let lock = try FileLock(
            .exclusive, try File(makingIfAbsent: store.file(Store.lockName), store.calls),
            patience: .zero)
        let guests = store.directory(Store.guestsName)
        if try guests.status() != nil { try guests.removeIfEmpty() }
        guard try guests.status() == nil else { return }
        let databases = [Store.indexName, Reindex.newIndexName]
        let own = databases + databases.map { $0 + "-journal" } + [StoreIdentity.fileName]
        for name in own + [Store.lockName] { try store.remove(name) }
        try store.removeIfEmpty()
        _ = consume lock
    }
}
