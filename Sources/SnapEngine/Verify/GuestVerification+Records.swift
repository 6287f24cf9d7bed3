import CheckpointIndex
import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem

extension GuestVerification {
    /// Creates the records of what was found.
    ///
    /// - Parameters:
    ///   - index: The index with the records of earlier verifications.
    ///   - isComplete: Whether everything that the guest's checkpoints need was read; if not,
    ///     damage that is recorded is read again.
    /// - Returns: The records, and the checkpoints that they are about; nil for all.
    /// - Throws: `.damaged` for the index; `.permission`, `.inputOutput` or `.interrupted`.
    func records(
        in index: CheckpointIndex, isComplete: Bool
    ) throws(SnapError) -> (records: VerificationRecords, examined: Set<Int>?) {
        var findings = GuestFindings(
            after: try index.verificationRecords(of: guest.name), startedAt: startedAt)
        for part in parts { findings.add(part) }
        if isComplete {
            let known = try index.files(of: guest.name)
            for number in listing.savevm.union(listing.retired)
                .subtracting(findings.unreadable)
            {
                findings.files[number] = VerifiedFile(
                    generation: known[number]?.generation ?? 0, verifiedAt: startedAt)
            }
        } else {
            try findings.addRecorded(KnownDamageCheck(of: guest, listing))
        }
        let damaged = Set(verdicts.filter { !$0.isIntact }.map(\.name.number))
        let isAll = isComplete || findings.parts.isEmpty
        return (
            findings.records(damaged: damaged), isAll ? nil : Set(verdicts.map(\.name.number))
        )
    }
}
