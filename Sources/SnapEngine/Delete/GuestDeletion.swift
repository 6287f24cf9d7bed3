import CheckpointIndex
import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import WorkPipeline

/// The deletion of one guest's checkpoints.
struct GuestDeletion {
    private let numbers: [Int]
    private let guest: GuestDirectory
    private let index: CheckpointIndex
    private let allowsLast: Bool

    init(
        of numbers: [Int], from guest: GuestDirectory, in index: CheckpointIndex,
        allowsLast: Bool
    ) {
        self.numbers = numbers
        self.guest = guest
        self.index = index
        self.allowsLast = allowsLast
    }

    /// Deletes the checkpoints, then frees the space that only they needed.
    ///
    /// - Parameters:
    ///   - store: The store, open for writing.
    ///   - context: Supplies the lock timeout and receives warnings.
    ///   - outcome: Receives the deleted checkpoints and the freed space, even if `run` throws.
    /// - Throws: The same errors as `Delete.run`.
    func run(
        in store: borrowing Store, _ context: WorkContext, _ outcome: inout Delete.Outcome
    ) throws(SnapError) {
        try guest.withWriterLock(context) { () throws(SnapError) in
            let reconciled = try Reconciliation(of: guest, in: index, context).run()
            outcome.freedByteCount = outcome.freedByteCount.addingClamped(
                reconciled.freedByteCount)
            try check(reconciled.listing)
            let diskSnapshots = try DiskSnapshots.find(of: numbers, in: guest)
            var retirement = Retirement(of: guest, in: store)
            defer {
                outcome.add(retirement.reclaimed)
                let deleted = retirement.deleted.map {
                    CheckpointName(guest: guest.name, number: $0)
                }
                outcome.deleted += deleted
                outcome.diskSnapshots += diskSnapshots.filter { deleted.contains($0.checkpoint) }
            }
            try retirement.run(numbers, of: reconciled.listing, context)
            outcome.add(try SpaceReclamation(of: guest, context).run(index))
        }
    }

    /// Checks that all checkpoints exist, and that the guest keeps at least one intact checkpoint.
    func check(_ listing: GuestListing) throws(SnapError) {
        let live = try index.numbers(of: guest.name).live.union(listing.savevm)
        for number in numbers where !live.contains(number) {
            throw SnapError(.notFound, "guest \"\(guest.name)\" has no checkpoint \(number)")
        }
        let others = listing.savevm.subtracting(numbers).sorted(by: >)
        let isOneLeft = try hasIntact(among: others)
        guard allowsLast || isOneLeft else {
            throw SnapError(
                .usage, "guest \"\(guest.name)\" would have no checkpoint left",
                hint: "use --allow-last to delete the last one too")
        }
    }

    /// Whether at least one of the checkpoints has a savevm file that can be opened.
    private func hasIntact(among numbers: [Int]) throws(SnapError) -> Bool {
        for number in numbers {
            do {
                _ = try guest.files.savevm(.savevm(number))
                return true
            } catch let error where error.isBadContent {
                continue
            }
        }
        return false
    }
}
