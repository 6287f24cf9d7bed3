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

    /// Retires each checkpoint in turn, and frees the space of all.
    ///
    /// - Parameters:
    ///   - storeID: The store's id.
    ///   - context: How to run.
    ///   - outcome: What has been deleted, also if it fails.
    func run(
        storeID: Identifier, _ context: WorkContext, _ outcome: inout Delete.Outcome
    ) throws(SnapError) {
        try guest.withWriterLock(context) { () throws(SnapError) in
            let reconciled = try Reconciliation(of: guest, in: index, context).run()
            outcome.freedByteCount = outcome.freedByteCount.addingClamped(
                reconciled.freedByteCount)
            try check(reconciled.listing)
            let reclamation = SpaceReclamation(of: guest, context)
            for number in numbers {
                try Interruption.check()
                try retire(number, of: reconciled.listing, storeID: storeID)
                outcome.deleted.append(CheckpointName(guest: guest.name, number: number))
                outcome.freedByteCount += try reclamation.noteRetired([number], in: index)
            }
            outcome.add(try reclamation.run(index))
        }
    }

    /// Checks that all checkpoints are there, and that the guest keeps one.
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
                hint: "--allow-last deletes the last one too")
        }
    }

    /// Whether one of some checkpoints can be opened: one that cannot is of no use.
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

    /// Makes a checkpoint's file a retired one: the rename is where the checkpoint ends.
    private func retire(
        _ number: Int, of listing: GuestListing, storeID: Identifier
    ) throws(SnapError) {
        let directory = guest.directory
        let retired = FileName.retired(number).text
        if !listing.savevm.contains(number) {
            // Its file was lost; its number stays taken.
            let id = try index.checkpoint(of: guest.name, number: number)?.id ?? .random()
            try guest.files.writeRetired(
                FileHeader(
                    .savevm, number: number, storeID: storeID, checkpointID: id, parent: nil))
        } else if listing.retired.contains(number) {
            throw SnapError(
                .cannotCreate, "exists beside the checkpoint's own file",
                path: directory.file(retired),
                hint: "one of the two is a copy; move it out of the store")
        } else {
            try directory.rename(FileName.savevm(number).text, to: retired)
        }
        try directory.synchronize()
    }
}
