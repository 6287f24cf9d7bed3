package import CheckpointIndex
import GuestMemory
import SavevmFormat
package import SnapSystem
package import WorkPipeline

/// What every writer does first with its own guest: make index and files agree again after a
/// process was killed, and remove what it left.
package struct Reconciliation {
    /// A guest whose files and rows agree.
    package struct Outcome {
        /// The guest's files.
        package let listing: GuestListing
        /// The numbers of rows without any file, which cannot be a parent.
        package let lost: Set<Int>
        /// The number of the next checkpoint.
        package let nextNumber: Int
        /// How many bytes of an earlier deletion were freed.
        package let freedByteCount: Int
    }

    private let guest: GuestDirectory
    private let index: CheckpointIndex
    private let context: WorkContext

    /// Prepares to reconcile.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory; its writer lock is held.
    ///   - index: The store's index.
    ///   - context: How to run.
    package init(of guest: GuestDirectory, in index: CheckpointIndex, _ context: WorkContext) {
        self.guest = guest
        self.index = index
        self.context = context
    }

    /// Adopts complete files without rows, removes leftovers, and drops the rows of retired files.
    ///
    /// A row without any file, and a file that is incomplete, are damage: kept and reported.
    ///
    /// - Throws: `.damaged`, `.permission`, `.busy` or `.inputOutput`.
    package func run() throws(SnapError) -> Outcome {
        let listing = try guest.listing()
        let rows = try index.numbers(of: guest.name)
        // A save that was killed has no row: a device state with one is that of a file that is
        // lost. Those of retired files may still be read.
        try removeLeftovers(of: listing, keeping: rows.live.union(listing.retired))
        var freed = 0
        let retired = listing.retired.subtracting(listing.savevm).subtracting(rows.retired)
        if !retired.isEmpty { freed += try reclamation.noteRetired(retired, in: index) }
        try adopt(listing.savevm.subtracting(rows.live).sorted())
        if !listing.retired.isEmpty { freed += try reclaimSpace(of: listing) }
        let missing = rows.retired.subtracting(listing.retired).subtracting(listing.savevm)
        if !missing.isEmpty { try index.forgetRetired(missing, of: guest.name) }
        let lost = rows.live.subtracting(listing.savevm).subtracting(listing.retired)
        for number in lost.sorted() {
            context.warn(
                SnapError(
                    .damaged, "is missing, checkpoint \(guest.name):\(number) is lost",
                    path: guest.directory.file(FileName.savevm(number).text)))
        }
        let taken = listing.savevm.union(listing.retired).union(rows.live).union(rows.retired)
        var next = try guest.highestNumber(in: listing) + 1
        while taken.contains(next) { next += 1 }
        return Outcome(
            listing: listing, lost: lost, nextNumber: next, freedByteCount: freed)
    }

    /// Frees space without waiting for readers or saying why it cannot.
    private var reclamation: SpaceReclamation {
        SpaceReclamation(of: guest, context.withoutWaiting.withoutWarnings)
    }

    private func removeLeftovers(
        of listing: GuestListing, keeping kept: Set<Int>
    ) throws(SnapError) {
        let directory = guest.directory
        let deviceStates = listing.deviceState.subtracting(listing.savevm).subtracting(kept)
            .sorted()
        let names = listing.temporary + deviceStates.map { FileName.deviceState($0).text }
        for name in names { try directory.remove(name) }
        if !names.isEmpty { try directory.synchronize() }
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

    /// Frees the space that an earlier deletion could not, if there are no readers now.
    ///
    /// That it cannot is no reason to fail: the space is not needed for what is to be done.
    private func reclaimSpace(of listing: GuestListing) throws(SnapError) -> Int {
        do throws(SnapError) {
            let unneeded = listing.retired.subtracting(
                try index.referenced(among: listing.retired, of: guest.name))
            let sizes = try guest.indexedFiles(ofRetired: unneeded)
            let highest = try guest.highestNumber(in: listing)
            // The highest number's file may stay for its number's sake, as a header.
            guard
                sizes.contains(where: { (number, file) in
                    number != highest || file.byteCount > FileHeader.byteCount
                }) || !listing.retiredDeviceStates.isEmpty
            else { return 0 }
            return try reclamation.run(index).freedByteCount
        } catch {
            if error.code == .interrupted { throw error }
            context.warn(error)
            return 0
        }
    }
}
