package import CheckpointIndex
import GuestMemory
import SavevmFormat
package import SnapSystem
import WorkPipeline

// What a reclamation would free, and whether one is worthwhile. Nothing is changed here.
extension SpaceReclamation {
    /// Computes what a deletion would free, and changes nothing.
    ///
    /// - Parameter numbers: The numbers of the checkpoints to delete.
    /// - Returns: The bytes that would be freed and the deleted files that would stay.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`.
    package func plan(without numbers: Set<Int>) throws(SnapError) -> Outcome {
        let listing = try guest.listing()
        if numbers.isEmpty && listing.retired.isEmpty && listing.retiredDeviceState.isEmpty {
            return Outcome()
        }
        // No other process must free what the survey reads.
        let live: [Range<Int>] = .runs(of: listing.savevm.sorted())
        return try guest.withPins(on: live, context.withoutWaiting) { () throws(SnapError) in
            var outcome = try planPages(listing, without: numbers)
            let (deviceStates, found) = try planDeviceStates(without: numbers, listing)
            outcome.add(deviceStates)
            warn(of: found)
            return outcome
        }
    }

    private func planPages(
        _ listing: GuestListing, without numbers: Set<Int>
    ) throws(SnapError) -> Outcome {
        guard let space = try space(of: listing, without: numbers, pinned: []) else {
            return Outcome()
        }
        let highest = try guest.highestNumber(in: listing)
        var outcome = Outcome()
        var hidden = 0
        var survey = SpaceSurvey(of: space, markByteCountMax: markByteCountMax)
        try survey.run { (number, finding) throws(SnapError) in
            guard let file = try DeletedFile(number, space.name(of: number), of: guest) else {
                return
            }
            switch finding {
            case .header, .dead:
                outcome.freedByteCount +=
                    file.decideDead(isHighest: number == highest)
                    .freedByteCount
            case .hidden(let byteCount):
                outcome.keptFileCount += 1
                hidden = hidden.addingClamped(byteCount)
            case .used(_, let use, _):
                outcome.keptFileCount += 1
                outcome.freedByteCount += max(0, try file.decide(use).freedByteCount)
            }
        }
        warn(of: survey, hidden: hidden)
        return outcome
    }

    /// Checks whether so much was deleted since the last reclamation that another is worthwhile.
    ///
    /// Deleting a checkpoint can free its own file and, in other files, the pages that the next
    /// checkpoint has replaced, which are about as many bytes as its file has.
    ///
    /// - Parameter index: The store's index.
    /// - Returns: Whether more than a tenth of the guest's disk use could be freed.
    /// - Throws: `.damaged`, `.permission` or `.inputOutput`.
    package func isWorthwhile(_ index: CheckpointIndex) throws(SnapError) -> Bool {
        let listing = try guest.listing()
        let examined = try index.reclaimed(of: guest.name)
        let deleted = listing.retired.subtracting(listing.savevm).subtracting(examined)
        if deleted.isEmpty { return false }
        var possible = 0
        var total = 0
        var hasDeletedBefore = false
        for number in listing.savevm.union(listing.retired).sorted() {
            let isLive = listing.savevm.contains(number)
            let name = listing.name(of: number)
            let byteCount = try guest.directory.status(of: name.text)?.diskByteCount ?? 0
            total += byteCount
            if deleted.contains(number) {
                possible += byteCount
                hasDeletedBefore = true
            } else if isLive {
                if hasDeletedBefore { possible += byteCount }
                hasDeletedBefore = false
            }
        }
        return possible > total / Self.worthwhilePart
    }

    private static let worthwhilePart = 10
}
