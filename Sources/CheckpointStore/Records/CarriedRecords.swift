import CheckpointIndex
import GuestMemory
import SnapSystem
import WorkPipeline

/// The records of an index that is being replaced, which files alone do not tell.
struct CarriedRecords {
    private struct Guest {
        let records: VerificationRecords
        let reclamation: ReclamationRecord?
        let files: [Int: IndexedFile]
    }

    private var guests: [GuestName: Guest] = [:]

    /// Reads all records of the old index.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: Receives a warning if the store has guests whose records are lost.
    /// - Throws: `.interrupted`.
    init(from store: StoreDirectory, _ context: WorkContext) throws(SnapError) {
        do throws(SnapError) {
            if try store.guests().isEmpty { return }
            let index = try CheckpointIndex(
                StoreDirectory.indexName, in: store.root, isWritable: false)
            for summary in try index.guestSummaries() {
                guests[summary.name] = Guest(
                    records: try index.verificationRecords(of: summary.name),
                    reclamation: summary.reclamation, files: try index.files(of: summary.name))
            }
        } catch {
            if error.code == .interrupted { throw error }
            guests = [:]
            let reason = error.code == .notFound ? "the old index is missing" : error.message
            context.warn(
                SnapError(
                    error.code, "the records of what was verified are lost: \(reason)",
                    path: error.path, hint: "run snap verify to verify all checkpoints"))
        }
    }

    /// Adds a guest's records to the new index, as far as its files are the same.
    ///
    /// - Parameters:
    ///   - index: The new index.
    ///   - guest: The guest.
    ///   - listing: The guest's files.
    /// - Throws: `.damaged` or `.inputOutput`.
    func add(
        to index: CheckpointIndex, of guest: GuestName, _ listing: GuestListing
    ) throws(SnapError) {
        guard let old = guests[guest] else { return }
        let present = listing.savevm.union(listing.retired)
        let files = try index.files(of: guest)
        var records = old.records
        records.files = records.files.filter { files[$0.key] == old.files[$0.key] }
        records.damage = records.damage.filter { present.contains($0.part.number) }
        records.damagedCheckpoints.formIntersection(listing.savevm)
        if !records.isEmpty { try index.record(records, of: guest) }
        try index.recordReclaimed(
            removed: [], changed: [:], examined: [], found: old.reclamation, of: guest)
    }
}
