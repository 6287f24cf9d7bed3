import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem

/// What every writer does first with its own guest: make index and files agree again after a
/// process died, and clear away what it left.
enum Reconciliation {
    /// Adopts whole files without rows, removes leftovers, and drops the rows of retired files.
    ///
    /// A row without any file, and a file that is not whole, are damage: kept and reported.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory; its writer lock is held.
    ///   - index: The store's index.
    ///   - warn: Takes what is worth a warning.
    /// - Returns: The guest's files, and the numbers that are taken and cannot be a parent.
    /// - Throws: `.damaged`, `.permission`, `.busy` or `.inputOutput`.
    static func run(
        _ guest: GuestDirectory, _ index: CheckpointIndex, warn: (SnapError) -> Void
    ) throws(SnapError) -> (files: GuestDirectory.Files, lost: Set<Int>, highestNumber: Int) {
        let files = try guest.files()
        let rows = try index.numbers(of: guest.guest)
        // A save that died has no row: a device state with one is that of a file that is lost,
        // unless a deletion has died before it got to the row.
        try removeLeftovers(
            files, besides: rows.live.subtracting(files.retired), in: guest.directory)
        let retired = files.retired.subtracting(files.savevm).subtracting(rows.retired)
        if !retired.isEmpty {
            try index.retire(try sizes(of: retired, in: guest.directory), of: guest.guest)
        }
        try adopt(files.savevm.subtracting(rows.live).sorted(), guest, index, warn: warn)
        if !files.retired.isEmpty { try returnSpace(of: files, guest, index) }
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
        return (files, lost, max(highest, files.highestNumber))
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
    private static func returnSpace(
        of files: GuestDirectory.Files, _ guest: GuestDirectory, _ index: CheckpointIndex
    ) throws(SnapError) {
        let unneeded = files.retired.subtracting(try index.referencedNumbers(of: guest.guest))
        let sizes = try sizes(of: unneeded, in: guest.directory)
        // The highest number's file may stay for its name's sake, empty.
        if sizes.contains(where: { $0.key != files.highestNumber || $0.value.byteCount > 0 }) {
            _ = try SpaceReturn.run(guest, index, patience: .zero, warn: { _ in })
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
