package import CheckpointIndex
import GuestMemory
import SavevmFormat
package import SnapSystem
package import WorkPipeline

/// Frees the space of deleted checkpoints whose files no remaining checkpoint refers to.
///
/// The references in the remaining files decide, not the index; if one of them cannot be read,
/// nothing is freed.
package struct SpaceReclamation {
    /// What was freed.
    package struct Outcome {
        /// How many bytes.
        package var freedByteCount = 0
        /// How many retired files stay because others refer to them.
        package var keptFileCount = 0

        /// Adds the space of a file; a sparse one can be of any length.
        fileprivate mutating func add(_ byteCount: Int) {
            freedByteCount = freedByteCount.addingClamped(byteCount)
        }
    }

    private let guest: GuestDirectory
    private let context: WorkContext

    /// Prepares to free space.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory.
    ///   - context: How long to wait for readers; its warnings say why nothing was freed.
    package init(of guest: GuestDirectory, _ context: WorkContext) {
        self.guest = guest
        self.context = context
    }

    /// Finds what would be freed if some checkpoints were deleted.
    ///
    /// - Parameter numbers: The checkpoints.
    /// - Throws: `.permission` or `.inputOutput`.
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

    /// Unlinks the guest's retired files that no checkpoint needs; of the one of its highest number
    /// the header stays, so that the number stays taken.
    ///
    /// The guest's writer lock is held, and what is deleted has been retired by name, so that later
    /// readers do not find it. If readers do not finish in time, the space is left for the next
    /// writer.
    ///
    /// - Parameter index: The store's index; nil to leave it alone and only shorten the files.
    /// - Throws: `.permission`, `.inputOutput`, `.interrupted`, or what the index throws.
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

    /// Leaves no more of a retired file than its header.
    private func shorten(_ name: String) throws(SnapError) {
        let file = try File(updating: name, in: guest.directory)
        if try file.status().byteCount > FileHeader.byteCount {
            try file.setLength(FileHeader.byteCount)
        }
    }

    /// Notes in the index that files are retired.
    ///
    /// Where there is no space left to do that, and to delete is how a user makes some, the files
    /// that no checkpoint needs are shortened first. The guest's writer lock is held.
    ///
    /// - Parameters:
    ///   - numbers: The files, retired by name.
    ///   - index: The store's index.
    /// - Returns: How many bytes were freed for it.
    /// - Throws: What the index throws.
    package func noteRetired(
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

    /// The retired files, and those of checkpoints to be deleted, that no other checkpoint's
    /// pages may lie in.
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
                        error.code, "no space is given back: \(error.message)", path: error.path,
                        offset: error.offset))
                return []
            }
        }
        return unneeded
    }

    /// Lets restores end that have found a deleted checkpoint before its row was gone; later ones
    /// do not find it.
    private func waitForReaders() throws(SnapError) -> Bool {
        do throws(SnapError) {
            try guest.waitForReaders(context)
            return true
        } catch {
            guard error.code == .busy else { throw error }
            context.warn(
                SnapError(
                    .busy, "a restore is running, no space is given back yet", path: error.path,
                    hint: "the guest's next save or deletion gives it back"))
            return false
        }
    }
}
