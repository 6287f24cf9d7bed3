import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem

/// Gives back the space of deleted checkpoints whose files no remaining checkpoint refers to.
///
/// What counts are the references in the remaining files, never the index; if one of them cannot
/// be read, nothing is given back.
enum SpaceReturn {
    /// Unlinks a guest's retired files that nobody needs; the one of its highest number is emptied
    /// instead, so that the number stays taken.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory; its writer lock is held, and rows of retired files are
    ///     gone.
    ///   - index: The store's index.
    ///   - patience: How long to wait for those who read; if they go on, the space is left for the
    ///     next writer.
    ///   - warn: Takes why nothing is given back.
    /// - Returns: How many bytes were given back.
    /// - Throws: `.permission`, `.inputOutput`, `.interrupted`, or what the index throws.
    static func run(
        _ guest: GuestDirectory, _ index: CheckpointIndex, patience: Duration,
        warn: (SnapError) -> Void
    ) throws(SnapError) -> Int {
        let directory = guest.directory
        let files = try guest.files()
        let rows = try index.numbers(of: guest.guest)
        let unneeded = try unneeded(files, of: guest, without: [], warn: warn)
        let deviceStates = files.deviceState.intersection(files.retired)
            .subtracting(files.savevm)
        if unneeded.isEmpty && deviceStates.isEmpty { return 0 }
        guard try waitForReaders(of: guest, patience: patience, warn: warn) else { return 0 }
        let highest = rows.live.union([files.highestNumber]).max() ?? 0
        var freed = 0
        for number in deviceStates.sorted() {
            freed += try size(.deviceState(number), in: directory)
            try directory.remove(FileName.deviceState(number).text)
        }
        for number in unneeded.sorted() {
            freed += try size(.retired(number), in: directory)
            if number == highest {
                try File(updating: directory.file(FileName.retired(number).text), directory.calls)
                    .setLength(0)
                try index.retire(
                    [number: IndexedFile(generation: 0, byteCount: 0)], of: guest.guest)
            } else {
                try directory.remove(FileName.retired(number).text)
            }
        }
        try directory.synchronize()
        try index.forgetRetired(unneeded.subtracting([highest]), of: guest.guest)
        return freed
    }

    /// How many bytes would be given back if some checkpoints were deleted.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory.
    ///   - numbers: The checkpoints.
    ///   - warn: Takes why nothing would be given back.
    /// - Throws: `.permission` or `.inputOutput`.
    static func plan(
        _ guest: GuestDirectory, without numbers: Set<Int>, warn: (SnapError) -> Void
    ) throws(SnapError) -> Int {
        let files = try guest.files()
        var freed = 0
        for number in try unneeded(files, of: guest, without: numbers, warn: warn) {
            let name: FileName =
                files.savevm.contains(number) ? .savevm(number) : .retired(number)
            freed += try size(name, in: guest.directory)
        }
        for number in files.deviceState.intersection(numbers) {
            freed += try size(.deviceState(number), in: guest.directory)
        }
        return freed
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
