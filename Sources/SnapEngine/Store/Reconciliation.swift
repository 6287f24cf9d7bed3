import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem

/// What every writer does first with its own guest: make index and files agree again after a
/// process died, and clear away what it left.
enum Reconciliation {
    /// A guest whose files and rows agree.
    struct Outcome {
        /// The guest's files.
        let files: GuestDirectory.Files
        /// The numbers of rows without any file, which cannot be a parent.
        let lost: Set<Int>
        /// The highest number that is taken.
        let highestNumber: Int
        /// How many bytes a deletion had left to be given back.
        let freedByteCount: Int
    }

    /// Adopts whole files without rows, removes leftovers, and drops the rows of retired files.
    ///
    /// A row without any file, and a file that is not whole, are damage: kept and reported.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory; its writer lock is held.
    ///   - index: The store's index.
    ///   - warn: Takes what is worth a warning.
    /// - Throws: `.damaged`, `.permission`, `.busy` or `.inputOutput`.
    static func run(
        _ guest: GuestDirectory, _ index: CheckpointIndex, warn: (SnapError) -> Void
    ) throws(SnapError) -> Outcome {
        let files = try guest.files()
        let rows = try index.numbers(of: guest.guest)
        // A save that died has no row: a device state with one is that of a file that is lost.
        // Those of retired files may still be read.
        try removeLeftovers(files, besides: rows.live.union(files.retired), in: guest.directory)
        var freed = 0
        let retired = files.retired.subtracting(files.savevm).subtracting(rows.retired)
        if !retired.isEmpty {
            freed += try SpaceReturn.noteRetired(
                retired, of: guest, index, patience: .zero, warn: { _ in })
        }
        try adopt(files.savevm.subtracting(rows.live).sorted(), guest, index, warn: warn)
        if !files.retired.isEmpty { freed += try returnSpace(of: files, guest, index, warn) }
        let gone = rows.retired.subtracting(files.retired).subtracting(files.savevm)
        if !gone.isEmpty { try index.forgetRetired(gone, of: guest.guest) }
        let lost = rows.live.subtracting(files.savevm).subtracting(files.retired)
        for number in lost.sorted() {
            warn(
                SnapError(
                    .damaged, "is missing, checkpoint \(guest.guest):\(number) is lost",
                    path: guest.directory.file(FileName.savevm(number).text)))
        }
        let highest = rows.live.union(rows.retired).max() ?? 0
        return Outcome(
            files: files, lost: lost, highestNumber: max(highest, files.highestNumber),
            freedByteCount: freed)
    }

    private static func removeLeftovers(
        _ files: GuestDirectory.Files, besides rows: Set<Int>, in directory: Directory
    ) throws(SnapError) {
        let deviceStates = files.deviceState.subtracting(files.savevm).subtracting(rows).sorted()
        let names = files.temporary + deviceStates.map { FileName.deviceState($0).text }
        for name in names { try directory.remove(name) }
        if !names.isEmpty { try directory.synchronize() }
    }

    private static func adopt(
        _ numbers: [Int], _ guest: GuestDirectory, _ index: CheckpointIndex,
        warn: (SnapError) -> Void
    ) throws(SnapError) {
        for number in numbers {
            do {
                let checkpoint = try IndexedCheckpoint(reading: number, of: guest, warn: warn)
                try index.insert([checkpoint])
            } catch let error where error.code == .damaged || error.code == .unsupported {
                guard error.path != index.path else { throw error }
                warn(error)
            }
        }
    }

    /// Gives back the space that a deletion has left to its successor, if nobody reads now.
    ///
    /// That it cannot is no reason to fail: the space is not needed for what is to be done.
    private static func returnSpace(
        of files: GuestDirectory.Files, _ guest: GuestDirectory, _ index: CheckpointIndex,
        _ warn: (SnapError) -> Void
    ) throws(SnapError) -> Int {
        do throws(SnapError) {
            let unneeded = files.retired.subtracting(
                try index.referencedNumbers(of: guest.guest))
            let sizes = try sizes(of: unneeded, in: guest.directory)
            // The highest number's file may stay for its name's sake, empty.
            guard
                sizes.contains(where: { $0.key != files.highestNumber || $0.value.byteCount > 0 })
                    || !files.retiredDeviceStates.isEmpty
            else { return 0 }
            return try SpaceReturn.run(guest, index, patience: .zero, warn: { _ in })
                .freedByteCount
        } catch {
            if error.code == .interrupted { throw error }
            warn(error)
            return 0
        }
    }

    /// The lengths of retired files, whose content may be gone.
    static func sizes(
        of retired: Set<Int>, in directory: Directory
    ) throws(SnapError) -> [Int: IndexedFile] {
        var files: [Int: IndexedFile] = [:]
        for number in retired {
            let status = try directory.status(of: FileName.retired(number).text)
            files[number] = IndexedFile(generation: 0, byteCount: status?.byteCount ?? 0)
        }
        return files
    }
}
