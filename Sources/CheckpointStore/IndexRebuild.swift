import CheckpointIndex
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import WorkPipeline

/// Rebuilds a store's index from its files.
package struct IndexRebuild {
    /// Whether files that the system cannot read are skipped; if false, the rebuild fails.
    package var skipsUnreadable: Bool

    /// The number of checkpoints in one transaction.
    private static let batchCount = 256

    /// Creates a rebuild; the parameter is the property of that name.
    package init(skipsUnreadable: Bool) {
        self.skipsUnreadable = skipsUnreadable
    }

    /// Writes a new index next to the old one and replaces the old one by a rename.
    ///
    /// Keeps the old index on failure.
    ///
    /// - Parameters:
    ///   - store: The store's directory. The caller holds the store's lock exclusively.
    ///   - context: Receives progress, and a warning for each damaged or skipped file.
    /// - Returns: The numbers of guests, checkpoints and damaged files.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`; for a file that the system cannot
    ///   read, only if `skipsUnreadable` is false.
    package func run(
        in store: StoreDirectory, _ context: WorkContext
    ) throws(SnapError) -> RebuiltIndex {
        let directory = store.root
        context.progress.begin(.indexing, of: nil, countsBytes: false)
        let carried = try CarriedRecords(from: store, context)
        try Self.removeNewIndex(in: directory)
        let name = StoreDirectory.newIndexName
        let file = try File(creatingIfAbsent: name, in: directory)
        if let old = try directory.status(of: StoreDirectory.indexName), old.kind == .regular {
            try file.copyReadPermissions(of: old)
        }
        var outcome = RebuiltIndex()
        do {
            let index = try CheckpointIndex(
                name, in: directory, isWritable: true, warn: context.warn)
            try index.migrate()
            for name in try store.guests() {
                outcome.guestCount += 1
                try fill(
                    index, with: store.guest(name), and: carried, &outcome, context: context)
            }
        }
        // SQLite would apply the old index's journal to the new index.
        try IndexFiles.removeJournals(of: StoreDirectory.indexName, in: directory)
        try directory.synchronize()
        try directory.rename(
            StoreDirectory.newIndexName, replacing: StoreDirectory.indexName)
        try directory.synchronize()
        return outcome
    }

    private static func removeNewIndex(in directory: Directory) throws(SnapError) {
        try directory.remove(StoreDirectory.newIndexName)
        try IndexFiles.removeJournals(of: StoreDirectory.newIndexName, in: directory)
    }

    /// Adds a guest's rows; an unreadable file does not prevent reading the others.
    private func fill(
        _ index: CheckpointIndex, with guest: GuestDirectory, and carried: CarriedRecords,
        _ outcome: inout RebuiltIndex, context: WorkContext
    ) throws(SnapError) {
        let listing: GuestListing
        do throws(SnapError) { listing = try guest.listing() } catch {
            let isSkipped = skipsUnreadable && error.code != .interrupted
            guard error.isBadContent || isSkipped else { throw error }
            outcome.damagedFileCount += 1
            return context.warn(error)
        }
        var batch: [IndexedCheckpoint] = []
        for number in listing.savevm.sorted() {
            try Interruption.check()
            context.progress.advance(by: 1)
            do {
                batch.append(
                    try IndexedCheckpoint(reading: number, of: guest) { loss in
                        outcome.damagedFileCount += 1
                        context.warn(loss)
                    })
            } catch {
                let isSkipped = skipsUnreadable && error.code != .interrupted
                guard error.isBadContent || isSkipped else { throw error }
                outcome.damagedFileCount += 1
                context.warn(error)
            }
            if batch.count == Self.batchCount {
                try index.insert(batch)
                outcome.checkpointCount += batch.count
                batch = []
            }
        }
        try index.insert(batch)
        outcome.checkpointCount += batch.count
        let retired = listing.retired.subtracting(listing.savevm)
        if !retired.isEmpty {
            try index.retire(try guest.indexedFiles(ofRetired: retired), of: guest.name)
        }
        try carried.add(to: index, of: guest.name, listing)
    }
}
