import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem

/// Finds what a guest's checkpoints lose because of damage that is known.
struct DamageImpact: ~Copyable {
    private var checkpoints: [(verdict: Verify.Verdict, blocks: [StoredBlock])] = []
    private let files: SavevmFiles

    /// Opens a guest's checkpoints.
    ///
    /// - Parameters:
    ///   - guest: The guest's directory. The caller has pinned the checkpoints.
    ///   - numbers: The numbers of the checkpoints.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`; damage is not thrown.
    init(in guest: GuestDirectory, of numbers: some Sequence<Int>) throws(SnapError) {
        var known: [Int: FileReference] = [:]
        for number in numbers {
            try Interruption.check()
            var verdict = Verify.Verdict(name: CheckpointName(guest: guest.name, number: number))
            var blocks: [StoredBlock] = []
            do throws(SnapError) {
                let file = try guest.files.savevm(.savevm(number))
                blocks = try file.blocks()
                for reference in try file.references() where known[reference.number] == nil {
                    known[reference.number] = reference
                }
            } catch {
                guard error.isDamage else { throw error }
                verdict.isLost = true
            }
            checkpoints.append((verdict, blocks))
        }
        files = SavevmFiles(Array(known.values), in: guest.files)
    }

    /// Finds what the checkpoints lose.
    ///
    /// - Parameter parts: The damaged parts.
    /// - Returns: The verdict on each checkpoint.
    /// - Throws: `.permission`, `.inputOutput`, `.interrupted` or `.internalFailure`.
    func verdicts(given parts: some Sequence<DamagedPart>) throws(SnapError) -> [Verify.Verdict] {
        let parts = Set(parts)
        var findings = MemoryFindings(files, known: StoredParts(parts))
        var verdicts: [Verify.Verdict] = []
        for (verdict, blocks) in checkpoints {
            var verdict = verdict
            verdict.isDeviceStateLost = parts.contains(.deviceState(verdict.name.number))
            for block in blocks where !verdict.isLost {
                if let losses = try findings.losses(in: block) { verdict.losses.append(losses) }
            }
            verdicts.append(verdict)
        }
        return verdicts
    }
}
