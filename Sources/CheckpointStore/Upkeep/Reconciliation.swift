package import CheckpointIndex
import GuestMemory
import SavevmFormat
package import SnapSystem
package import WorkPipeline

/// The step with which every writer starts: it makes a guest's files and index rows agree again.
///
/// They can disagree, and leftovers can exist, after a process was killed.
package struct Reconciliation {
    /// The state of a guest whose files and rows agree.
    package struct Outcome {
        /// The guest's files.
        package let listing: GuestListing
        /// The numbers of index rows without any file; these checkpoints cannot be parents.
        package let lost: Set<Int>
        /// The number for the guest's next checkpoint.
        package let nextNumber: Int
        /// The number of bytes freed that an earlier deletion could not free.
        package let freedByteCount: Int
        /// Whether all rows were written; false if the disk is full.
        package let isComplete: Bool
    }

    private let guest: GuestDirectory
    private let index: CheckpointIndex
    private let context: WorkContext

    /// Creates a reconciliation.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory. The caller holds the guest's writer lock.
    ///   - index: The store's index, open for writing.
    ///   - context: Receives a warning for each damaged or missing file.
    package init(of guest: GuestDirectory, in index: CheckpointIndex, _ context: WorkContext) {
        self.guest = guest
        self.index = index
        self.context = context
    }

    /// Adds missing rows, removes the rows of retired checkpoints, and deletes leftovers.
    ///
    /// Keeps a row that has no file, and a file that is damaged, and warns of them. If the disk is
    /// too full to write rows, the next reconciliation writes them.
    ///
    /// - Returns: The guest's state after these changes.
    /// - Throws: `.damaged`, `.permission`, `.busy`, `.inputOutput` or `.interrupted`.
    package func run() throws(SnapError) -> Outcome {
        var listing = try guest.listing()
        let rows = try index.numbers(of: guest.name)
        try removeLeftovers(of: &listing, rows.live)
        var freed = try SpaceReclamation(of: guest, context.withoutWarnings)
            .freeDeviceStates(listing).0.freedByteCount
        var isComplete = true
        do throws(SnapError) { freed += try writeRows(listing, rows) } catch {
            // Without free space, a prune must still be able to free some.
            guard error.isNoSpace else { throw error }
            isComplete = false
        }
        let lost = rows.live.subtracting(listing.savevm).subtracting(listing.retired)
        for number in lost.sorted() {
            context.warn(
                SnapError(
                    .damaged, "is missing: checkpoint \(guest.name):\(number) is lost",
                    path: guest.directory.file(FileName.savevm(number).text)))
        }
        let taken = listing.savevm.union(listing.retired).union(listing.retiredDeviceState)
            .union(rows.live).union(rows.retired)
        var next = try guest.highestNumber(in: listing) + 1
        while taken.contains(next) { next += 1 }
        return Outcome(
            listing: listing, lost: lost, nextNumber: next, freedByteCount: freed,
            isComplete: isComplete)
    }

    /// Adds missing rows, and corrects those of retired files.
    ///
    /// Returns the number of bytes freed to make room for the rows.
    private func writeRows(
        _ listing: GuestListing, _ rows: (live: Set<Int>, retired: Set<Int>)
    ) throws(SnapError) -> Int {
        var freed = 0
        let retired = listing.retired.subtracting(listing.savevm).subtracting(rows.retired)
        if !retired.isEmpty {
            freed = try SpaceReclamation(of: guest, context.withoutWarnings)
                .recordRetired(retired, in: index).freedByteCount
        }
        try adopt(listing.savevm.subtracting(rows.live).sorted())
        let known = rows.retired.subtracting(listing.savevm)
        try index.recordReclaimed(
            removed: known.subtracting(listing.retired),
            changed: try changedFiles(among: known.intersection(listing.retired)), examined: [],
            of: guest.name)
        return freed
    }

    /// Returns the retired files whose lengths differ from their rows.
    ///
    /// A process that died may have rewritten them.
    private func changedFiles(
        among numbers: Set<Int>
    ) throws(SnapError) -> [Int: IndexedFile] {
        if numbers.isEmpty { return [:] }
        let files = try index.files(of: guest.name)
        var changed: Set<Int> = []
        for number in numbers {
            let status = try guest.directory.status(of: FileName.retired(number).text)
            if files[number]?.byteCount != status?.byteCount { changed.insert(number) }
        }
        return try guest.indexedFiles(ofRetired: changed)
    }

    /// Deletes what a killed save has left, and completes an interrupted deletion.
    ///
    /// A device-state file without a savevm file is a leftover of a killed save only if it has no
    /// index row; otherwise the savevm file was lost. If its checkpoint is deleted, it may still be
    /// a base.
    private func removeLeftovers(
        of listing: inout GuestListing, _ indexed: Set<Int>
    ) throws(SnapError) {
        let directory = guest.directory
        let candidates = listing.deviceState
            .subtracting(listing.savevm.union(indexed).union(listing.retired))
        let leftovers = try DeletedDeviceStates(candidates, of: guest, listing, pinned: [])
        let names =
            listing.temporary + leftovers.unneeded.sorted().map { FileName.deviceState($0).text }
        for name in names { try directory.remove(name) }
        let retired = listing.deviceStateToRetire.subtracting(listing.retiredDeviceState)
            .union(leftovers.needed)
        try SpaceReclamation(of: guest, context.withoutWarnings).retireDeviceStates(retired)
        if !names.isEmpty || !retired.isEmpty { try directory.synchronize() }
        listing.temporary = []
        listing.deviceState.subtract(leftovers.unneeded.union(retired))
        listing.retiredDeviceState.formUnion(retired)
    }

    private func adopt(_ numbers: [Int]) throws(SnapError) {
        for number in numbers {
            do {
                let checkpoint = try IndexedCheckpoint(
                    reading: number, of: guest, warn: context.warn)
                try index.insert([checkpoint])
            } catch let error where error.isBadContent {
                guard error.path != index.path else { throw error }
                context.warn(error)
            }
        }
    }
}
