import CheckpointIndex
import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage

/// Makes the index, and `store.json` where it is gone, anew from the files.
package enum Reindex {
    /// What a reindex found.
    package struct Outcome: Sendable, Equatable {
        /// Guests with a directory.
        package var guestCount = 0
        /// Checkpoints that are in the index now.
        package var checkpointCount = 0
        /// Files that are not whole or cannot be read: checkpoints that are not in the index now,
        /// and device states.
        package var damagedFileCount = 0
    }

    static let newIndexName = "index.sqlite.new"
    /// How many checkpoints go into one transaction.
    private static let batchCount = 256

    /// Rebuilds a store's index with the store locked for everybody else.
    ///
    /// On failure the old index is still there.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - patience: How long to wait for the lock.
    ///   - calls: The seam.
    ///   - progress: Where it tells how far it has come.
    ///   - warn: Takes what is wrong with files that are not whole.
    /// - Throws: `.notFound` if there is no store, `.busy`, `.permission` or `.inputOutput`.
    package static func run(
        _ path: FilePath, patience: Duration, _ calls: SystemCalls,
        progress: WorkProgress = WorkProgress(), warn: (SnapError) -> Void
    ) throws(SnapError) -> Outcome {
        let directory = Directory(path, calls)
        let guests = try Store.guests(in: directory)
        guard try directory.status(of: StoreIdentity.fileName) != nil || !guests.isEmpty else {
            throw SnapError(.notFound, "there is no store here", path: path)
        }
        let file = try File(makingIfAbsent: directory.file(Store.lockName), calls)
        let lock = try FileLock(.exclusive, file, patience: patience)
        do {
            _ = try StoreIdentity(readingFrom: directory)
        } catch let error where error.code == .notFound || error.code == .damaged {
            let identity = try identity(fromFilesOf: directory) ?? .random()
            try identity.write(to: directory)
        }
        let outcome = try rebuildIndex(
            of: directory, skipsUnreadable: true, progress, warn: warn)
        _ = consume lock
        return outcome
    }

    /// The identity that a store's files tell; nil if it has no readable file.
    ///
    /// - Parameter directory: The store's directory.
    /// - Throws: `.permission` or `.inputOutput`.
    static func identity(fromFilesOf directory: Directory) throws(SnapError) -> StoreIdentity? {
        var failure: SnapError?
        for name in try Store.guests(in: directory) {
            let guest = Store.guest(name, in: directory)
            for number in try guest.files().savevm.sorted(by: >) {
                let path = guest.directory.file(FileName.savevm(number).text)
                do {
                    let file = try SavevmFile(path, directory.calls)
                    return StoreIdentity(
                        id: file.header.storeID, digestKey: file.description.digestKey)
                } catch {
                    if error.code == .interrupted { throw error }
                    // Any other file tells it as well.
                    let isRead = error.code == .damaged || error.code == .unsupported
                    if !isRead && failure == nil { failure = error }
                }
            }
        }
        // A new identity would be wrong for intact files that could not be read now.
        if let failure { throw failure }
        return nil
    }

    /// Writes a new index beside the old one and renames it into its place.
    ///
    /// - Parameters:
    ///   - directory: The store's directory; its lock is held exclusively.
    ///   - skipsUnreadable: Whether files that the system cannot read are left out; if not, the
    ///     old index stays.
    ///   - progress: Where it tells how far it has come.
    ///   - warn: Takes what is wrong with files that are not whole.
    /// - Throws: `.permission` or `.inputOutput`.
    static func rebuildIndex(
        of directory: Directory, skipsUnreadable: Bool,
        _ progress: WorkProgress = WorkProgress(),
        warn: (SnapError) -> Void
    ) throws(SnapError) -> Outcome {
        progress.begin(.indexing, of: nil, countsBytes: false)
        try removeNewIndex(in: directory)
        let path = directory.file(newIndexName)
        let file = try File(makingIfAbsent: path, directory.calls)
        if let old = try directory.status(of: Store.indexName) {
            try file.takeOwnerAndMode(of: old)
        }
        var outcome = Outcome()
        do {
            let index = try CheckpointIndex(path, isWritable: true, directory.calls)
            try index.migrate()
            for name in try Store.guests(in: directory) {
                let guest = Store.guest(name, in: directory)
                outcome.guestCount += 1
                try fill(
                    index, with: guest, skipsUnreadable: skipsUnreadable, &outcome, progress,
                    warn: warn)
            }
        }
        // The old index's journal would be taken for the new one's.
        try directory.remove(Store.indexName + "-journal")
        try directory.synchronize()
        try directory.rename(newIndexName, replacing: Store.indexName)
        try directory.synchronize()
        return outcome
    }

    private static func removeNewIndex(in directory: Directory) throws(SnapError) {
        for suffix in ["", "-journal"] { try directory.remove(newIndexName + suffix) }
    }

    private static func fill(
        _ index: CheckpointIndex, with guest: GuestDirectory, skipsUnreadable: Bool,
        _ outcome: inout Outcome, _ progress: WorkProgress, warn: (SnapError) -> Void
    ) throws(SnapError) {
        let files: GuestDirectory.Files
        do throws(SnapError) { files = try guest.files() } catch {
            guard skipsUnreadable, error.code != .interrupted else { throw error }
            outcome.damagedFileCount += 1
            return warn(error)
        }
        var batch: [IndexedCheckpoint] = []
        for number in files.savevm.sorted() {
            progress.advance(by: 1)
            do {
                batch.append(
                    try IndexedCheckpoint(reading: number, of: guest) { error in
                        outcome.damagedFileCount += 1
                        warn(error)
                    })
            } catch {
                let isRead = error.code == .damaged || error.code == .unsupported
                guard isRead || skipsUnreadable && error.code != .interrupted else { throw error }
                // One file that cannot be read hides no other.
                outcome.damagedFileCount += 1
                warn(error)
            }
            if batch.count == batchCount {
                try index.insert(batch)
                outcome.checkpointCount += batch.count
                batch = []
            }
        }
        try index.insert(batch)
        outcome.checkpointCount += batch.count
        let retired = files.retired.subtracting(files.savevm)
        if !retired.isEmpty {
            try index.retire(
                try Reconciliation.sizes(of: retired, in: guest.directory), of: guest.guest)
        }
    }
}
