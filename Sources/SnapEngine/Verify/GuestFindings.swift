import CheckpointIndex
import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem

/// The damage that is known in a guest's files: what earlier verifications have recorded, and what
/// the current one has found.
struct GuestFindings {
    /// The damage, as it is reported.
    private(set) var errors: [SnapError] = []
    /// The damaged parts and their errors, those included that are only unreadable at the moment.
    private(set) var parts: [DamagedPart: SnapError] = [:]
    /// How far files have been verified, by number; only those that have changed.
    var files: [Int: VerifiedFile] = [:]

    private let recorded: [DamagedPart: DamageRecord]
    private let startedAt: Timestamp

    /// Creates findings that contain nothing.
    ///
    /// - Parameters:
    ///   - records: The records of earlier verifications, for the times when damage was found.
    ///   - startedAt: The time when the verification started.
    init(after records: VerificationRecords, startedAt: Timestamp) {
        recorded = Dictionary(records.damage.map { ($0.part, $0) }) { first, _ in first }
        self.startedAt = startedAt
    }

    /// Adds damage.
    mutating func add(_ found: FoundDamage) {
        if parts.updateValue(found.error, forKey: found.part) == nil { errors.append(found.error) }
    }

    /// Adds an error that belongs to no part of a file.
    mutating func add(_ error: SnapError) { errors.append(error) }

    /// Reads all damaged parts again that are recorded, and adds those that are still damaged.
    mutating func addRecorded(_ check: KnownDamageCheck) throws(SnapError) {
        for part in recorded.keys {
            try Interruption.check()
            if let found = try check.damage(in: part) { add(found) }
        }
    }

    /// The numbers of the files in which something is unreadable, but not wrong.
    ///
    /// These do not count as verified.
    var unreadable: Set<Int> {
        Set(parts.filter { !FoundDamage($0, $1).isWrongContent }.map(\.key.number))
    }

    /// Creates the records of these findings.
    ///
    /// - Parameter damaged: The numbers of the checkpoints that cannot be restored completely.
    func records(damaged: Set<Int>) -> VerificationRecords {
        var records = VerificationRecords()
        records.files = files
        records.damagedCheckpoints = damaged
        for (part, error) in parts where FoundDamage(part, error).isWrongContent {
            records.damage.append(
                DamageRecord(
                    part: part, foundAt: recorded[part]?.foundAt ?? startedAt,
                    message: error.message, offset: error.offset))
        }
        return records
    }
}
