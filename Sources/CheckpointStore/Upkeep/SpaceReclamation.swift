package import CheckpointIndex
import GuestMemory
import SavevmFormat
package import SnapSystem
package import WorkPipeline

/// Frees the space of deleted checkpoints whose files no remaining checkpoint refers to.
///
/// The references in the remaining files decide this, not the index. If snap cannot read one of
/// these files, it frees nothing.
package struct SpaceReclamation {
    /// The amount of space that was freed or would be freed.
    package struct Outcome {
        /// The number of bytes, as the sum of file lengths.
        package var freedByteCount = 0
        /// The number of retired files that stay because checkpoints refer to them.
        package var keptFileCount = 0

        /// Adds the length of a file; clamped, because a sparse file can have any length.
        fileprivate mutating func add(_ byteCount: Int) {
            freedByteCount = freedByteCount.addingClamped(byteCount)
        }
    }

    private let guest: GuestDirectory
    private let context: WorkContext

    /// Creates a reclamation.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory.
    ///   - context: Supplies the timeout for readers, and receives a warning if nothing is freed.
    package init(of guest: GuestDirectory, _ context: WorkContext) {
        self.guest = guest
        self.context = context
    }

    /// Computes what a deletion would free, and changes nothing.
    ///
    /// - Parameter numbers: The numbers of the checkpoints to delete.
    /// - Returns: The bytes that would be freed and the retired files that would stay.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`.
    package func plan(without numbers: Set<Int>) throws(SnapError) -> Outcome {
        let listing = try guest.listing()
        let unneeded = try unneeded(of: listing, without: numbers)
        var outcome = Outcome()
        outcome.keptFileCount = listing.retired.union(numbers).subtracting(unneeded).count
        let highest = try guest.highestNumber(in: listing)
        for number in unneeded {
            let kept = number == highest ? FileHeader.byteCount : 0
            let size = try size(
                of: listing.savevm.contains(number) ? .savevm(number) : .retired(number))
            outcome.add(max(0, size - kept))
        }
        for number in listing.deviceState.intersection(numbers).union(listing.retiredDeviceStates) {
            outcome.add(try size(of: .deviceState(number)))
        }
        return outcome
    }

    /// Deletes the guest's retired files that no checkpoint needs.
    ///
    /// Of the file with the guest's highest number the header stays, so that the number stays
    /// taken. The caller holds the guest's writer lock and has renamed the deleted checkpoints'
    /// files to retired names, so that new readers do not find them. If current readers do not
    /// finish within the timeout, the next writer frees the space.
    ///
    /// - Parameter index: The store's index; nil to leave it unchanged and only shorten the files.
    /// - Returns: The bytes that were freed and the number of retired files that stay.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`, and the errors of the index.
    package func run(_ index: CheckpointIndex?) throws(SnapError) -> Outcome {
        let listing = try guest.listing()
        let unneeded = try unneeded(of: listing, without: [])
        let deviceStates = listing.retiredDeviceStates
        var outcome = Outcome()
        outcome.keptFileCount = listing.retired.subtracting(unneeded).count
        if unneeded.isEmpty && deviceStates.isEmpty { return outcome }
        guard try waitForReaders() else { return outcome }
        let highest = try guest.highestNumber(in: listing)
        for number in unneeded.sorted() {
            let kept = number == highest ? FileHeader.byteCount : 0
            outcome.add(max(0, try size(of: .retired(number)) - kept))
        }
        for number in deviceStates {
            outcome.add(try size(of: .deviceState(number)))
        }
        for number in deviceStates.sorted() {
            try guest.directory.remove(FileName.deviceState(number).text)
        }
        try remove(unneeded, from: index, highestNumber: highest)
        return outcome
    }

    private func remove(
        _ unneeded: Set<Int>, from index: CheckpointIndex?, highestNumber: Int
    ) throws(SnapError) {
        let directory = guest.directory
        for number in unneeded.sorted() {
            let name = FileName.retired(number).text
            if number == highestNumber || index == nil {
                try shorten(name)
            } else {
                try directory.remove(name)
            }
        }
        try directory.synchronize()
        guard let index else { return }
        if unneeded.contains(highestNumber) {
            let empty = IndexedFile(generation: 0, byteCount: FileHeader.byteCount)
            try index.retire([highestNumber: empty], of: guest.name)
        }
        try index.forgetRetired(unneeded.subtracting([highestNumber]), of: guest.name)
    }

    /// Truncates a retired file to its header.
    private func shorten(_ name: String) throws(SnapError) {
        let file = try File(updating: name, in: guest.directory)
        if try file.status().byteCount > FileHeader.byteCount {
            try file.setLength(FileHeader.byteCount)
        }
    }

    /// Records in the index that files are retired.
    ///
    /// On a full disk the index cannot be written, but a user deletes checkpoints to free space. So
    /// if the write fails, this function first truncates the retired files that no checkpoint needs
    /// and then writes again. The caller holds the guest's writer lock.
    ///
    /// - Parameters:
    ///   - numbers: The numbers of the files, which already have their retired names.
    ///   - index: The store's index, open for writing.
    /// - Returns: The number of bytes freed to make room; usually 0.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`, and the errors of the index.
    package func recordRetired(
        _ numbers: Set<Int>, in index: CheckpointIndex
    ) throws(SnapError) -> Int {
        do throws(SnapError) {
            try index.retire(try guest.indexedFiles(ofRetired: numbers), of: guest.name)
            return 0
        } catch let error where error.code == .inputOutput {
            let freed = try run(nil).freedByteCount
            if freed == 0 { throw error }
            try index.retire(try guest.indexedFiles(ofRetired: numbers), of: guest.name)
            return freed
        }
    }

    private func size(of name: FileName) throws(SnapError) -> Int {
        try guest.directory.status(of: name.text)?.byteCount ?? 0
    }

    /// Returns the retired files and the files of checkpoints to be deleted that no remaining
    /// checkpoint refers to.
    private func unneeded(
        of listing: GuestListing, without numbers: Set<Int>
    ) throws(SnapError) -> Set<Int> {
        var unneeded = listing.retired.union(numbers)
        if unneeded.isEmpty { return [] }
        for number in listing.savevm.subtracting(numbers).sorted() {
            do throws(SnapError) {
                try Interruption.check()
                let file = try guest.files.savevm(.savevm(number))
                unneeded.subtract(try file.references().map(\.number))
            } catch {
                if error.code == .interrupted { throw error }
                context.warn(
                    SnapError(
                        error.code, "no space is freed: \(error.message)", path: error.path,
                        offset: error.offset))
                return []
            }
        }
        return unneeded
    }

    /// Waits for restores that opened a deleted checkpoint before its row was deleted.
    ///
    /// New restores do not find the checkpoint. Returns false if a restore does not finish in time.
    private func waitForReaders() throws(SnapError) -> Bool {
        do throws(SnapError) {
            try guest.waitForReaders(context)
            return true
        } catch {
            guard error.code == .busy else { throw error }
            context.warn(
                SnapError(
                    .busy, "cannot free space yet: another process is reading checkpoints",
                    path: error.path, hint: "wait for the guest's next save or deletion to free it")
            )
            return false
        }
    }
}
