package import CheckpointIndex
import GuestMemory
import SavevmFormat
package import SnapSystem
import SystemPackage
package import WorkPipeline

/// Frees the space of deleted checkpoints that no other checkpoint needs.
///
///     references and roots of all checkpoints ─ pins of readers ─ tables, bases: live slots │
///     each deleted checkpoint's file: unlink, rewrite or free blocks ─ fsync ─ index rows
///
/// What is live follows from the files alone, not from the index or from counts. Each step leaves
/// all checkpoints intact, so a process can be killed at any time, and the next one continues.
package struct SpaceReclamation {
    /// The space that was freed or would be freed.
    package struct Outcome: Sendable {
        /// The number of bytes freed on the disk.
        package var freedByteCount = 0
        /// The number of bytes written into rewritten files.
        package var writtenByteCount = 0
        /// The number of deleted checkpoints' files that stay because checkpoints need pages in
        /// them.
        package var keptFileCount = 0

        /// Adds another outcome.
        package mutating func add(_ other: Outcome) {
            freedByteCount = freedByteCount.addingClamped(other.freedByteCount)
            writtenByteCount = writtenByteCount.addingClamped(other.writtenByteCount)
            keptFileCount += other.keptFileCount
        }
    }

    let guest: GuestDirectory
    let context: WorkContext
    /// The most bytes of marks at a time; smaller in tests.
    package var markByteCountMax = SpaceSurvey.defaultMarkByteCountMax

    /// Creates a reclamation.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory.
    ///   - context: Receives a warning if damage prevents that space is freed.
    package init(of guest: GuestDirectory, _ context: WorkContext) {
        self.guest = guest
        self.context = context
    }

    // MARK: Freeing

    /// Frees the space that the guest's deleted checkpoints do not share with others.
    ///
    /// Of the file with the guest's highest number the header stays, so that the number stays
    /// taken. The caller holds the guest's writer lock, and the deleted checkpoints' files have
    /// their retired names durably, so that new readers do not find them. What current readers
    /// need stays.
    ///
    /// - Parameter index: The store's index; nil to leave it unchanged and not unlink any file.
    /// - Returns: The bytes that were freed and the deleted files that stay.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`, and the errors of the index.
    package func run(_ index: CheckpointIndex?) throws(SnapError) -> Outcome {
        var (outcome, lacksRoom) = try runOnce(index)
        // On a disk that was full, there may be room now for what could not be rewritten before.
        var isProgress = outcome.freedByteCount > 0
        while lacksRoom && isProgress && index != nil {
            let next: Outcome
            (next, lacksRoom) = try runOnce(index)
            isProgress = next.freedByteCount > 0
            outcome.freedByteCount += next.freedByteCount
            outcome.writtenByteCount += next.writtenByteCount
            outcome.keptFileCount = next.keptFileCount
        }
        let (deviceStates, found) = try freeDeviceStates(try guest.listing())
        outcome.add(deviceStates)
        warn(of: found)
        return outcome
    }

    private func runOnce(
        _ index: CheckpointIndex?
    ) throws(SnapError) -> (Outcome, lacksRoom: Bool) {
        let listing = try guest.listing()
        let retired = listing.retired.subtracting(listing.savevm)
        if retired.isEmpty { return (Outcome(), false) }
        // A checkpoint of which parts were freed before cannot be in use any more.
        let examined = try index?.reclaimed(of: guest.name) ?? []
        let pinned = try guest.pinned(among: retired.subtracting(examined))
        guard let space = try space(of: listing, without: [], pinned: pinned) else {
            return (Outcome(), false)
        }
        var run = ReclamationRun(
            of: space, highestNumber: try guest.highestNumber(in: listing), unlinks: index != nil,
            context: context)
        var survey = SpaceSurvey(of: space, markByteCountMax: markByteCountMax)
        try survey.run { (number, finding) throws(SnapError) in
            try run.free(number, finding)
        }
        try guest.directory.synchronize()
        if let index {
            do throws(SnapError) {
                try index.recordReclaimed(
                    removed: run.removed, changed: run.changed, examined: run.examined,
                    found: run.found, of: guest.name)
            } catch let error where error.isNoSpace && run.isEmpty {
                // On a full disk, what was found is not recorded.
            }
        }
        warn(of: survey, hidden: run.hiddenByteCount)
        return (run.outcome, run.lacksRoom)
    }

    /// Opens the files that keep slots live; returns nil, with a warning, if one is unreadable.
    func space(
        of listing: GuestListing, without numbers: Set<Int>, pinned: Set<Int>
    ) throws(SnapError) -> GuestSpace? {
        do throws(SnapError) {
            return try GuestSpace(of: guest, listing, without: numbers, pinned: pinned)
        } catch {
            guard error.isDamage else { throw error }
            context.warn(
                SnapError(
                    error.code, "no space is freed: \(error.message)", path: error.path,
                    offset: error.offset, hint: Self.deletionHint(for: error, of: guest)))
            return nil
        }
    }

    /// Advises to delete the checkpoint whose file is damaged.
    private static func deletionHint(for error: SnapError, of guest: GuestDirectory) -> String? {
        guard let name = error.path?.lastComponent?.string, let file = FileName(name) else {
            return nil
        }
        return "restore the file from a copy, or delete \(guest.name):\(file.number)"
    }

    /// Warns of each damage once: a damaged group's head, for example, hides several tables.
    func warn(of survey: SpaceSurvey, hidden byteCount: Int) {
        var affected: [String: Set<Int>] = [:]
        for damage in survey.damage {
            affected[damage.error.description, default: []].formUnion(
                survey.affected[damage.scope] ?? [])
        }
        for damage in survey.damage {
            let error = damage.error
            guard let numbers = affected.removeValue(forKey: error.description) else { continue }
            let names = numbers.sorted().map { "\(guest.name):\($0)" }
            context.warn(
                SnapError(
                    .damaged,
                    "\(error.message); because of damage, \(byteCount) bytes of deleted "
                        + "checkpoints cannot be freed", path: error.path, offset: error.offset,
                    hint: names.isEmpty
                        ? nil : "delete \(names.joined(separator: ", ")) to free them"))
        }
    }

    // MARK: Rows

    /// Records in the index that files are retired.
    ///
    /// On a full disk the index cannot be written, but a user deletes checkpoints to free space. So
    /// if the write fails, this function first frees space in the retired files and then writes
    /// again. The caller holds the guest's writer lock.
    ///
    /// - Parameters:
    ///   - numbers: The numbers of the files, which already have their retired names.
    ///   - index: The store's index, open for writing.
    /// - Returns: What was freed to make room; usually nothing.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`, and the errors of the index.
    package func recordRetired(
        _ numbers: Set<Int>, in index: CheckpointIndex
    ) throws(SnapError) -> Outcome {
        do throws(SnapError) {
            try index.retire(try guest.indexedFiles(ofRetired: numbers), of: guest.name)
            return Outcome()
        } catch let error where error.code == .inputOutput {
            let freed = try run(nil)
            if freed.freedByteCount == 0 { throw error }
            try index.retire(try guest.indexedFiles(ofRetired: numbers), of: guest.name)
            return freed
        }
    }
}
