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

    /// Retires each checkpoint in turn, then frees the space of all.
    ///
    /// - Parameters:
    ///   - storeID: The store's id, for the header of a retired file that has to be written.
    ///   - context: Supplies the lock timeout and receives warnings.
    ///   - outcome: Receives the deleted checkpoints and the freed space, even if `run` throws.
    /// - Throws: The same errors as `Delete.run`.
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
                outcome.freedByteCount += try reclamation.recordRetired([number], in: index)
            }
            outcome.add(try reclamation.run(index))
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

    /// Renames a checkpoint's savevm file to its retired name, which deletes the checkpoint.
    private func retire(
        _ number: Int, of listing: GuestListing, storeID: Identifier
    ) throws(SnapError) {
        let directory = guest.directory
        let retired = FileName.retired(number).text
        if !listing.savevm.contains(number) {
            // The savevm file was lost. A retired header keeps the number taken.
            let id = try index.checkpoint(of: guest.name, number: number)?.id ?? .random()
            try guest.files.writeRetired(
                FileHeader(
                    .savevm, number: number, storeID: storeID, checkpointID: id, parent: nil))
        } else if listing.retired.contains(number) {
            throw SnapError(
                .cannotCreate, "already exists in addition to the checkpoint's savevm file",
                path: directory.file(retired),
                hint: "move the one that is a copy out of the store")
        } else {
            try directory.rename(FileName.savevm(number).text, to: retired)
        }
        try directory.synchronize()
    }
}
