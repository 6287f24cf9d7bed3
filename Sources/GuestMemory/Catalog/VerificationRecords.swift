/// What the verifications of a guest's files have found.
package struct VerificationRecords: Sendable, Equatable {
    /// How far the files have been verified, by number.
    package var files: [Int: VerifiedFile] = [:]
    /// The damaged parts.
    package var damage: [DamageRecord] = []
    /// The numbers of the checkpoints that cannot be restored completely.
    package var damagedCheckpoints: Set<Int> = []

    /// Creates records without any finding.
    package init() {}

    /// Whether nothing is recorded.
    package var isEmpty: Bool {
        files.isEmpty && damage.isEmpty && damagedCheckpoints.isEmpty
    }
}
