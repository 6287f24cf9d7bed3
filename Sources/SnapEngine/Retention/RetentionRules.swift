import GuestMemory
import SnapSystem

/// The rules of a policy while it is applied to a guest's checkpoints, the newest first.
struct RetentionRules {
    /// A rule that applies to a checkpoint.
    struct Found {
        /// The rule's name, for the user.
        let name: String
        /// The kind of period, and the period, that the checkpoint takes; nil for another rule.
        var period: (kind: RetentionPeriod, identity: [Int])?
        /// Whether the checkpoint takes one of the places of the newest checkpoints.
        var isLast = false
    }

    private let policy: RetentionPolicy
    private let start: Timestamp?
    private var lastLeft: Int
    /// The periods of each kind that have a checkpoint.
    private var taken: [RetentionPeriod: Set<[Int]>] = [:]

    /// Creates the rules before the first checkpoint.
    ///
    /// - Parameters:
    ///   - policy: The policy.
    ///   - newest: The time of the guest's newest checkpoint; nil without checkpoints.
    init(of policy: RetentionPolicy, countedFrom newest: Timestamp?) {
        self.policy = policy
        lastLeft = policy.lastCount
        start = if let newest { policy.within?.before(newest) } else { nil }
    }

    /// Finds the rules that keep a checkpoint.
    func applying(to checkpoint: Checkpoint) -> [Found] {
        var found: [Found] = []
        if lastLeft > 0 { found.append(Found(name: "last", isLast: true)) }
        let time = checkpoint.createdAt.localTime
        for kind in RetentionPeriod.allCases {
            let taken = taken[kind] ?? []
            let identity = kind.identity(of: time)
            if taken.count < policy.periodCounts[kind] ?? 0, !taken.contains(identity) {
                found.append(Found(name: kind.name, period: (kind, identity)))
            }
        }
        if let start, checkpoint.createdAt > start {
            found.append(Found(name: "within \(policy.within?.description ?? "")"))
        }
        if let label = checkpoint.label {
            for pattern in policy.labels where pattern.matches(label) {
                found.append(Found(name: "label \(pattern.text)"))
            }
        }
        return found
    }

    /// Counts a checkpoint that is kept by rules.
    mutating func count(_ found: [Found]) {
        for rule in found {
            if rule.isLast { lastLeft -= 1 }
            if let (kind, identity) = rule.period { taken[kind, default: []].insert(identity) }
        }
    }

    /// The kinds of period of which the policy asks for more than there are.
    var unfilledPeriods: [RetentionPeriod] {
        RetentionPeriod.allCases.filter { taken[$0]?.count ?? 0 < policy.periodCounts[$0] ?? 0 }
    }
}
