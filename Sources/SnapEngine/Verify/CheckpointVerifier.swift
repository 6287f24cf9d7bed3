import CheckpointIndex
import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import WorkPipeline

/// Checks the files of single checkpoints, except their groups, and compares them with the index.
struct CheckpointVerifier {
    /// The findings in one checkpoint's files.
    struct Finding {
        /// The savevm file and its contents; nil if the memory is lost.
        var file: (savevm: SavevmFile, blocks: [StoredBlock], references: [FileReference])?
        var verdict: Verify.Verdict
        /// The damage, including that of the index row.
        var damage: [SnapError] = []
        /// The damaged parts of the files.
        var parts: [FoundDamage] = []
        /// Whether the index has no row of the checkpoint.
        var isUnlisted = false

        /// Adds a damaged part of the files.
        mutating func add(_ part: DamagedPart, _ error: SnapError) {
            damage.append(error)
            parts.append(FoundDamage(part, error))
        }
    }

    private let guest: GuestDirectory
    private let index: CheckpointIndex?
    private var deviceStates = DeviceStateVerifier()

    /// Creates a verifier that has checked no checkpoint.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory. The caller has pinned the checkpoints.
    ///   - index: The index; nil if it is lost.
    init(of guest: GuestDirectory, in index: CheckpointIndex?) {
        self.guest = guest
        self.index = index
    }

    /// Checks the header, the sections and the device state of a checkpoint.
    ///
    /// - Parameters:
    ///   - number: The checkpoint's number.
    ///   - row: The checkpoint's row in the index; nil without one.
    /// - Returns: The finding; nil if the checkpoint has been deleted in the meantime.
    /// - Throws: `.damaged` for the index; `.permission`, `.inputOutput` or `.interrupted`.
    mutating func check(_ number: Int, _ row: Checkpoint?) throws(SnapError) -> Finding? {
        var finding = Finding(
            verdict: Verify.Verdict(name: CheckpointName(guest: guest.name, number: number)))
        var part = DamagedPart.savevm(number)
        do throws(SnapError) {
            let file = try guest.files.savevm(.savevm(number))
            part = .sections(number)
            let blocks = try file.blocks()
            let references = try file.references()
            let sections = try checkDeviceState(of: file, &finding)
            let mismatch = try mismatch(of: file, sections, with: row)
            // Checked last: a deletion renames the file first and deletes the row afterwards.
            if try isDeleted(number) { return nil }
            if let mismatch { finding.damage.append(mismatch) }
            finding.isUnlisted = index != nil && row == nil
            finding.file = (file, blocks, references)
        } catch {
            guard error.isDamage else { throw error }
            if try isDeleted(number) { return nil }
            finding.add(
                part,
                error.code == .notFound
                    ? SnapError(.damaged, "is missing", path: error.path) : error)
            finding.verdict.isLost = true
        }
        return finding
    }

    /// Warns of complete files that the index still does not contain.
    ///
    /// - Parameters:
    ///   - numbers: The numbers of files that were not in the index when they were checked.
    ///   - context: Receives the warnings.
    /// - Throws: `.damaged` for the index, or `.inputOutput`.
    func warnOfUnlisted(_ numbers: [Int], _ context: WorkContext) throws(SnapError) {
        for number in numbers
        where try index?.checkpoint(of: guest.name, number: number) == nil {
            context.warn(
                SnapError(
                    .damaged, "is not in the index",
                    path: guest.directory.file(FileName.savevm(number).text),
                    hint: "run snap reindex to add it, or wait for the guest's next save"))
        }
    }

    /// Whether a deletion has retired a checkpoint's savevm file, even if the row still exists.
    private func isDeleted(_ number: Int) throws(SnapError) -> Bool {
        let directory = guest.directory
        guard try directory.status(of: FileName.retired(number).text) != nil else { return false }
        return try directory.status(of: FileName.savevm(number).text) == nil
    }

    /// Reads a checkpoint's device state; returns its sections, or nil if they are lost.
    private mutating func checkDeviceState(
        of file: SavevmFile, _ finding: inout Finding
    ) throws(SnapError) -> [DeviceSection]? {
        guard file.checkpoint.deviceState != nil else { return [] }
        do throws(SnapError) {
            let devices = try guest.files.deviceState(of: file)
            try deviceStates.check(devices)
            return devices.states.flatMap(\.summaries)
        } catch {
            guard error.isDamage else { throw error }
            finding.add(.deviceState(file.header.number), error)
            finding.verdict.isDeviceStateLost = true
            return nil
        }
    }

    /// Compares a checkpoint's index row with its files.
    ///
    /// Returns the error that describes a difference; nil if both agree or the row is missing.
    private func mismatch(
        of file: SavevmFile, _ sections: [DeviceSection]?, with row: Checkpoint?
    ) throws(SnapError) -> SnapError? {
        guard let index, let row, let sections else { return nil }
        let expected = IndexedCheckpoint(describing: try file.contents(), sections)
        do throws(SnapError) {
            if try index.indexed(row) == expected { return nil }
        } catch {
            // A row that cannot be read does not make its checkpoint lost.
            guard error.code == .damaged else { throw error }
            return error
        }
        return SnapError(
            .damaged, "row of \(row.name) does not match the checkpoint's files",
            path: index.path, hint: CheckpointIndex.hint)
    }
}
