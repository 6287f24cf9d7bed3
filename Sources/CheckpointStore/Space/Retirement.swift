import CheckpointIndex
import GuestMemory
import SavevmFormat
package import SnapSystem
package import WorkPipeline

/// Deletes checkpoints of a guest: gives their files retired names, and removes their rows.
///
/// A checkpoint does not exist any more once its file has the retired name, durably. Its pages stay
/// until a `SpaceReclamation` finds that nothing needs them.
package struct Retirement: ~Copyable {
    /// The numbers of the checkpoints that are deleted, also if a later step fails.
    package private(set) var deleted: [Int] = []
    /// The space that had to be freed before the index could be written.
    package private(set) var reclaimed = SpaceReclamation.Outcome()

    private let guest: GuestDirectory
    private let index: CheckpointIndex
    private let storeID: Identifier

    /// Creates a retirement.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory. The caller holds the guest's writer lock.
    ///   - store: The store.
    package init(of guest: GuestDirectory, in store: borrowing Store) {
        self.guest = guest
        index = store.index
        storeID = store.identity.id
    }

    /// Deletes checkpoints; on failure, those in `deleted` are deleted and the others are not.
    ///
    /// All files are renamed first, and all rows are removed in one transaction. The next writer
    /// completes what an interruption leaves undone.
    ///
    /// - Parameters:
    ///   - numbers: The numbers of the checkpoints.
    ///   - listing: The guest's files.
    ///   - context: Receives warnings.
    /// - Throws: `.cannotCreate` if a retired file of the same number exists; `.permission`,
    ///   `.inputOutput` or `.interrupted`, and the errors of the index.
    package mutating func run(
        _ numbers: [Int], of listing: GuestListing, _ context: WorkContext
    ) throws(SnapError) {
        let reclamation = SpaceReclamation(of: guest, context)
        var failure: SnapError?
        for number in numbers {
            do throws(SnapError) {
                try Interruption.check()
                try retire(number, of: listing)
                deleted.append(number)
                if listing.deviceState.contains(number) {
                    try reclamation.retireDeviceStates([number])
                }
            } catch {
                failure = error
                break
            }
        }
        if !deleted.isEmpty {
            try guest.directory.synchronize()
            reclaimed.add(try reclamation.recordRetired(Set(deleted), in: index))
            reclaimed.freedByteCount +=
                try reclamation.freeDeviceStates(try guest.listing()).0.freedByteCount
        }
        if let failure { throw failure }
    }

    private func retire(_ number: Int, of listing: GuestListing) throws(SnapError) {
        let directory = guest.directory
        let retired = FileName.retired(number).text
        guard !listing.deviceState.contains(number) || !listing.retiredDeviceState.contains(number)
        else {
            throw Self.duplicate(.retiredDeviceState(number), in: directory)
        }
        if !listing.savevm.contains(number) {
            // The savevm file was lost. A retired header keeps the number taken.
            let id = try index.checkpoint(of: guest.name, number: number)?.id ?? .random()
            try guest.files.writeRetired(
                FileHeader(
                    .savevm, number: number, storeID: storeID, checkpointID: id, parent: nil))
        } else if listing.retired.contains(number) {
            throw Self.duplicate(.retired(number), in: directory)
        } else {
            try directory.rename(FileName.savevm(number).text, to: retired)
        }
    }

    private static func duplicate(_ name: FileName, in directory: Directory) -> SnapError {
        SnapError(
            .cannotCreate, "already exists in addition to the checkpoint's file",
            path: directory.file(name.text), hint: "move the one that is a copy out of the store")
    }
}
