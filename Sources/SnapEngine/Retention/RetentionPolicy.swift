package import GuestMemory
package import SnapSystem

/// A policy that decides which checkpoints of a guest to keep, with the meaning of restic's.
///
/// Checkpoints are ordered by number. Their times only decide to which period they belong, so a
/// clock that was wrong cannot make an old checkpoint the newest.
package struct RetentionPolicy: Sendable, Equatable {
    /// The number of newest checkpoints to keep.
    package var lastCount = 0
    /// For each kind of period, the number of periods whose newest checkpoint is kept.
    package var periodCounts: [RetentionPeriod: Int] = [:]
    /// Keeps the checkpoints that are less than this much older than the guest's newest.
    ///
    /// A newest checkpoint with a time in the future, from a clock that was wrong, does not count.
    package var within: RetentionSpan?
    /// Keeps the checkpoints whose label matches one of these patterns.
    package var labels: [GlobPattern] = []

    /// Creates a policy that keeps nothing.
    package init() {}

    /// Whether the policy has no rule.
    package var isEmpty: Bool {
        lastCount == 0 && periodCounts.values.allSatisfy { $0 == 0 } && within == nil
            && labels.isEmpty
    }

    /// A checkpoint, and the reasons for which it is kept.
    package struct Decision: Sendable, Equatable {
        /// The checkpoint.
        package let checkpoint: Checkpoint
        /// The names of the rules that keep it; empty if it is to be deleted.
        package internal(set) var reasons: [String] = []
        /// Whether the checkpoint is damaged; known only if a rule applies to it.
        package internal(set) var isDamaged = false
    }

    /// Decides which checkpoints of a guest to keep.
    ///
    /// A damaged checkpoint is kept if a rule applies to it, but does not count: the rule also
    /// applies to the next one. If no rule keeps an intact checkpoint, the newest one is kept.
    ///
    /// - Parameters:
    ///   - checkpoints: All checkpoints of one guest.
    ///   - now: The present.
    ///   - isDamaged: Checks whether a checkpoint is damaged.
    /// - Returns: A decision for each checkpoint, the newest first.
    /// - Throws: What `isDamaged` throws.
    package func decide(
        _ checkpoints: [Checkpoint], now: Timestamp = .now,
        isDamaged: (Checkpoint) throws(SnapError) -> Bool
    ) throws(SnapError) -> [Decision] {
        let newestFirst = checkpoints.sorted { $0.number > $1.number }
        var decisions = newestFirst.map { Decision(checkpoint: $0) }
        let newest = newestFirst.first { $0.createdAt <= now } ?? newestFirst.first
        var rules = RetentionRules(of: self, countedFrom: newest?.createdAt)
        for index in decisions.indices {
            let found = rules.applying(to: decisions[index].checkpoint)
            if found.isEmpty { continue }
            decisions[index].reasons = found.map(\.name)
            decisions[index].isDamaged = try isDamaged(decisions[index].checkpoint)
            if !decisions[index].isDamaged { rules.count(found) }
        }
        try keepOldest(&decisions, of: rules, isDamaged)
        try keepOne(&decisions, isDamaged)
        return decisions
    }

    /// Keeps the oldest intact checkpoint if a kind of period has fewer periods than the policy
    /// asks for, so that the history reaches back as far as possible.
    private func keepOldest(
        _ decisions: inout [Decision], of rules: RetentionRules,
        _ isDamaged: (Checkpoint) throws(SnapError) -> Bool
    ) throws(SnapError) {
        let unfilled = rules.unfilledPeriods
        if unfilled.isEmpty { return }
        for index in decisions.indices.reversed() {
            if try isDamaged(decisions[index].checkpoint) { continue }
            let reasons = unfilled.map(\.name).filter { !decisions[index].reasons.contains($0) }
            decisions[index].reasons += reasons.map { "oldest \($0)" }
            return
        }
    }

    /// The reason for which a checkpoint is kept that no rule keeps.
    package static let onlyReason = "only"

    /// Keeps the newest intact checkpoint if no rule keeps an intact one.
    private func keepOne(
        _ decisions: inout [Decision], _ isDamaged: (Checkpoint) throws(SnapError) -> Bool
    ) throws(SnapError) {
        if decisions.contains(where: { !$0.reasons.isEmpty && !$0.isDamaged }) { return }
        for index in decisions.indices where try !isDamaged(decisions[index].checkpoint) {
            decisions[index].reasons = [Self.onlyReason]
            return
        }
        // All are damaged: the newest has the most recent state of what can still be read.
        if decisions.allSatisfy(\.reasons.isEmpty), !decisions.isEmpty {
            decisions[0].reasons = [Self.onlyReason]
            decisions[0].isDamaged = true
        }
    }
}
