import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem

/// Gives back the space of deleted checkpoints whose files no remaining checkpoint refers to.
///
/// What counts are the references in the remaining files, never the index; if one of them cannot
/// be read, nothing is given back.
enum SpaceReturn {
    /// What came of it.
    struct Outcome {
        /// How many bytes were given back.
        var freedByteCount = 0
        /// How many retired files stay because others refer to them.
        var keptFileCount = 0
    }

    /// Unlinks a guest's retired files that nobody needs; the one of its highest number is emptied
    /// instead, so that the number stays taken.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory; its writer lock is held, and what is deleted has been
    ///     retired by name, so that later readers do not find it.
    ///   - index: The store's index; nil to leave it alone and only empty the files.
    ///   - patience: How long to wait for those who read; if they go on, the space is left for the
    ///     next writer.
    ///   - warn: Takes why nothing is given back.
    /// - Throws: `.permission`, `.inputOutput`, `.interrupted`, or what the index throws.
    static func run(
        _ guest: GuestDirectory, _ index: CheckpointIndex?, patience: Duration,
        warn: (SnapError) -> Void
    ) throws(SnapError) -> Outcome {
        let files = try guest.files()
        let unneeded = try unneeded(files, of: guest, without: [], warn: warn)
        let deviceStates = files.retiredDeviceStates
        var outcome = Outcome()
        outcome.keptFileCount = files.retired.subtracting(unneeded).count
        if unneeded.isEmpty && deviceStates.isEmpty { return outcome }
        guard try waitForReaders(of: guest, patience: patience, warn: warn) else {
            return outcome
        }
        for name in unneeded.sorted().map(FileName.retired)
            + deviceStates.sorted().map(FileName.deviceState)
        {
            outcome.freedByteCount += try size(name, in: guest.directory)
        }
        try remove(unneeded, deviceStates, of: guest, index, highestNumber: files.highestNumber)
        return outcome
    }

    private static func remove(
        _ unneeded: Set<Int>, _ deviceStates: Set<Int>, of guest: GuestDirectory,
        _ index: CheckpointIndex?, highestNumber: Int
    ) throws(SnapError) {
        let directory = guest.directory
        for number in deviceStates.sorted() {
            try directory.remove(FileName.deviceState(number).text)
        }
        for number in unneeded.sorted() {
            let name = FileName.retired(number).text
            if number == highestNumber || index == nil {
                try File(updating: directory.file(name), directory.calls).setLength(0)
            } else {
                try directory.remove(name)
            }
        }
        try directory.synchronize()
        guard let index else { return }
        if unneeded.contains(highestNumber) {
            let empty = IndexedFile(generation: 0, byteCount: 0)
            try index.retire([highestNumber: empty], of: guest.guest)
        }
        try index.forgetRetired(unneeded.subtracting([highestNumber]), of: guest.guest)
    }

    /// Notes in the index that files are retired.
    ///
    /// Where there is no space left to do that, and to delete is how a user makes some, the files
    /// that nobody needs are emptied first.
    ///
    /// - Parameters:
    ///   - numbers: The files, retired by name.
    ///   - guest: The guest's directory; its writer lock is held.
    ///   - index: The store's index.
    ///   - patience: How long to wait for those who read.
    ///   - warn: Takes why nothing is given back.
    /// - Returns: How many bytes were given back for it.
    /// - Throws: What the index throws.
    static func noteRetired(
        _ numbers: Set<Int>, of guest: GuestDirectory, _ index: CheckpointIndex,
        patience: Duration, warn: (SnapError) -> Void
    ) throws(SnapError) -> Int {
        do throws(SnapError) {
            let sizes = try Reconciliation.sizes(of: numbers, in: guest.directory)
            try index.retire(sizes, of: guest.guest)
            return 0
        } catch let error where error.code == .inputOutput {
            let freed = try run(guest, nil, patience: patience, warn: warn).freedByteCount
            if freed == 0 { throw error }
            let sizes = try Reconciliation.sizes(of: numbers, in: guest.directory)
            try index.retire(sizes, of: guest.guest)
            return freed
        }
    }

    /// What would be given back if some checkpoints were deleted.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory.
    ///   - numbers: The checkpoints.
    ///   - warn: Takes why nothing would be given back.
    /// - Throws: `.permission` or `.inputOutput`.
    static func plan(
        _ guest: GuestDirectory, without numbers: Set<Int>, warn: (SnapError) -> Void
    ) throws(SnapError) -> Outcome {
        let files = try guest.files()
        let unneeded = try unneeded(files, of: guest, without: numbers, warn: warn)
        var outcome = Outcome()
        outcome.keptFileCount = files.retired.union(numbers).subtracting(unneeded).count
        for number in unneeded {
            let name: FileName =
                files.savevm.contains(number) ? .savevm(number) : .retired(number)
            outcome.freedByteCount += try size(name, in: guest.directory)
        }
        for number in files.deviceState.intersection(numbers).union(files.retiredDeviceStates) {
            outcome.freedByteCount += try size(.deviceState(number), in: guest.directory)
        }
        return outcome
    }

    private static func size(
        _ name: FileName, in directory: Directory
    ) throws(SnapError) -> Int {
        try directory.status(of: name.text)?.byteCount ?? 0
    }

    /// The retired files, and those of checkpoints to be deleted, that no other checkpoint's
    /// pages may lie in.
    private static func unneeded(
        _ files: GuestDirectory.Files, of guest: GuestDirectory, without numbers: Set<Int>,
        warn: (SnapError) -> Void
    ) throws(SnapError) -> Set<Int> {
        var unneeded = files.retired.union(numbers)
        if unneeded.isEmpty { return [] }
        for number in files.savevm.subtracting(numbers).sorted() {
            let path = guest.directory.file(FileName.savevm(number).text)
            do throws(SnapError) {
                let file = try SavevmFile(path, guest.directory.calls)
                unneeded.subtract(try file.references().map(\.number))
            } catch {
                if error.code == .interrupted { throw error }
                warn(
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
    private static func waitForReaders(
        of guest: GuestDirectory, patience: Duration, warn: (SnapError) -> Void
    ) throws(SnapError) -> Bool {
        do throws(SnapError) {
            try guest.passReaders(patience: patience)
            return true
        } catch {
            guard error.code == .busy else { throw error }
            warn(
                SnapError(
                    .busy, "a restore is running, no space is given back yet", path: error.path,
                    hint: "the guest's next save or deletion gives it back"))
            return false
        }
    }
}
