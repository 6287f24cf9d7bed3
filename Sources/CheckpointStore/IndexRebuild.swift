import CheckpointIndex
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import WorkPipeline

/// Makes a store's index again from its files.
package struct IndexRebuild {
    /// Whether files that the system cannot read are left out; if not, the old index stays.
    package var skipsUnreadable: Bool

    /// How many checkpoints go into one transaction.
    private static let batchCount = 256

    /// Prepares to rebuild; the parameter is the property.
    package init(skipsUnreadable: Bool) {
        self.skipsUnreadable = skipsUnreadable
    }

    /// Writes a new index beside the old one and renames it into its place.
    ///
    /// On failure the old index is still there.
    ///
    /// - Parameters:
    ///   - store: The store's directory; its lock is held exclusively.
    ///   - context: How to run; its warnings say what is wrong with files.
    /// - Throws: `.permission` or `.inputOutput`.
    package func run(
        in store: StoreDirectory, _ context: WorkContext
    ) throws(SnapError) -> RebuiltIndex {
        let directory = store.root
        context.progress.begin(.indexing, of: nil, countsBytes: false)
        try Self.removeNewIndex(in: directory)
        let name = StoreDirectory.newIndexName
        let file = try File(makingIfAbsent: name, in: directory)
        if let old = try directory.status(of: StoreDirectory.indexName), old.kind == .regular {
            try file.takeReaders(of: old)
        }
        var outcome = RebuiltIndex()
        do {
            let index = try CheckpointIndex(
                name, in: directory, isWritable: true, warn: context.warn)
            try index.migrate()
            for name in try store.guests() {
                outcome.guestCount += 1
                try fill(index, with: store.guest(name), &outcome, context: context)
            }
        }
        // The old index's journal would be taken for the new one's.
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

    /// Adds a guest's rows; one file that cannot be read hides no other.
    private func fill(
        _ index: CheckpointIndex, with guest: GuestDirectory, _ outcome: inout RebuiltIndex,
        context: WorkContext
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
    }
}
