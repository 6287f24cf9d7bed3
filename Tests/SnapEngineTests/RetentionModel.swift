import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import TestSupport

/// What a random policy keeps, computed for each rule separately from the complete history.
///
/// `RetentionPolicy` decides in one pass from the newest checkpoint to the oldest. This model
/// counts for each checkpoint and rule again, and takes the calendar from Foundation.
struct RetentionModel {
    private var lastCount = 0
    private var periodCounts: [RetentionPeriod: Int] = [:]
    private var withinHours: Int?
    private var labels: [String] = []

    /// What each pattern means.
    private static let patterns: [String: @Sendable (String) -> Bool] = [
        "release-*": { $0.hasPrefix("release-") },
        "night??": { $0.hasPrefix("night") && $0.count == 7 },
        "[w-z]": { ["w", "x", "y", "z"].contains($0) },
        "*": { _ in true },
        "": { $0.isEmpty },
    ]

    /// Generates a policy; in one of many cases it has no rule.
    init(_ generator: inout Seeded) {
        let counts = [0, 0, 0, 1, 2, 3, 5, 12, Int.max]
        lastCount = generator.choice(counts)
        for kind in RetentionPeriod.allCases where generator.choice([true, false]) {
            periodCounts[kind] = generator.choice(counts)
        }
        withinHours = generator.choice([nil, nil, 1, 24, 1000, 20_000])
        labels = Self.patterns.keys.sorted().filter { _ in generator.choice([0, 0, 0, 1]) == 1 }
    }

    /// The policy that the model describes.
    var policy: RetentionPolicy {
        var policy = RetentionPolicy()
        policy.lastCount = lastCount
        policy.periodCounts = periodCounts
        policy.within = withinHours.flatMap { RetentionSpan("\($0)h") }
        policy.labels = labels.map { GlobPattern($0) }
        return policy
    }

    /// Computes the reasons for which checkpoints are kept, by number.
    func kept(of history: RetentionHistory) -> [Int: [String]] {
        var kept: [Int: [String]] = [:]
        let all = history.checkpoints
        let intact = all.filter { !history.damaged.contains($0.number) }
        for checkpoint in all
        where intact.count(where: { $0.number > checkpoint.number }) < lastCount {
            kept[checkpoint.number, default: []].append("last")
        }
        var oldest: [String] = []
        for kind in RetentionPeriod.allCases {
            let count = periodCounts[kind] ?? 0
            let numbers = Self.newest(all, intact, of: kind, count)
            for number in numbers { kept[number, default: []].append(kind.name) }
            let periods = Set(intact.map { Self.period(of: kind, $0.createdAt) })
            if periods.count < count, let first = intact.first?.number, !numbers.contains(first) {
                oldest.append("oldest \(kind.name)")
            }
        }
        for checkpoint in all {
            kept[checkpoint.number, default: []] += reasons(
                withoutPlaces: checkpoint, newest: all[all.count - 1])
        }
        if let first = intact.first, !oldest.isEmpty {
            kept[first.number, default: []] += oldest
        }
        kept = kept.filter { !$0.value.isEmpty }
        if let newest = intact.last {
            let isOneKept = intact.contains { kept[$0.number] != nil }
            if !isOneKept { kept[newest.number] = ["only"] }
        } else if kept.isEmpty, let newest = all.last {
            kept[newest.number] = ["only"]
        }
        return kept
    }

    /// The numbers that a kind of period keeps, without the oldest.
    private static func newest(
        _ all: [Checkpoint], _ intact: [Checkpoint], of kind: RetentionPeriod, _ count: Int
    ) -> Set<Int> {
        let byPeriod = Dictionary(grouping: intact) { period(of: kind, $0.createdAt) }
            .mapValues { $0.map(\.number).max() ?? 0 }
        let places = Set(byPeriod.values.sorted(by: >).prefix(count))
        // A damaged checkpoint is kept if it is newer than its period's intact ones, and one of the
        // places is still free where it stands.
        let damaged = all.filter { checkpoint in
            let isIntact = intact.contains { $0.number == checkpoint.number }
            let newest = byPeriod[period(of: kind, checkpoint.createdAt)] ?? 0
            let newerCount = byPeriod.values.count { $0 > checkpoint.number }
            return !isIntact && checkpoint.number > newest && newerCount < count
        }
        return places.union(damaged.map(\.number))
    }

    /// The reasons from rules that apply to each checkpoint independently of the others.
    private func reasons(withoutPlaces checkpoint: Checkpoint, newest: Checkpoint) -> [String] {
        var reasons: [String] = []
        if let withinHours {
            let age =
                newest.createdAt.secondsSinceEpoch - checkpoint.createdAt.secondsSinceEpoch
            if age < withinHours * 3600 { reasons.append("within \(withinHours)h") }
        }
        for pattern in labels {
            guard let label = checkpoint.label, let matches = Self.patterns[pattern] else {
                continue
            }
            if matches(label) { reasons.append("label \(pattern)") }
        }
        return reasons
    }

    private static let calendar: Calendar = {
        var calendar = Calendar(identifier: .iso8601)
        calendar.timeZone = .current
        return calendar
    }()

    /// Names the period of a time.
    private static func period(of kind: RetentionPeriod, _ time: Timestamp) -> String {
        let date = Date(timeIntervalSince1970: TimeInterval(time.secondsSinceEpoch))
        let part = { (component: Calendar.Component) in calendar.component(component, from: date) }
        let month = "\(part(.year))-\(part(.month))"
        return switch kind {
        case .hourly:
            "\(month)-\(part(.day)) \(part(.hour)) \(calendar.timeZone.secondsFromGMT(for: date))"
        case .daily: "\(month)-\(part(.day))"
        case .weekly: "\(part(.yearForWeekOfYear))-W\(part(.weekOfYear))"
        case .monthly: month
        case .yearly: "\(part(.year))"
        }
    }
}
