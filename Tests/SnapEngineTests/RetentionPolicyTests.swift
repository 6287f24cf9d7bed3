import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import TestSupport
import Testing

@Suite("Retention policy")
struct RetentionPolicyTests {
    /// Creates a policy from numbers of checkpoints and periods.
    private static func policy(
        last: Int = 0, _ periods: [RetentionPeriod: Int] = [:], within: String? = nil,
        labels: [String] = []
    ) throws -> RetentionPolicy {
        var policy = RetentionPolicy()
        policy.lastCount = last
        policy.periodCounts = periods
        policy.within = try within.map { try #require(RetentionSpan($0)) }
        policy.labels = labels.map { GlobPattern($0) }
        return policy
    }

    /// Creates checkpoints at local times.
    private static func history(
        _ times: [String], labels: [Int: String] = [:], damaged: Set<Int> = []
    ) throws -> RetentionHistory {
        var history = try RetentionHistory(
            try times.map { try #require(Timestamp($0)) }, labels: labels)
        history.damaged = damaged
        return history
    }

    @Test("random policies keep of random histories what the model keeps", arguments: 0..<8)
    func random(part: Int) throws {
        var keptCount = 0
        var deletedCount = 0
        for seed in (part * 50)..<(part * 50 + 50) {
            var generator = Seeded(UInt64(seed))
            let history = try RetentionHistory(&generator)
            for _ in 0..<4 {
                let model = RetentionModel(&generator)
                let kept = try history.kept(by: model.policy)
                if history.checkpoints.isEmpty {
                    #expect(kept.isEmpty)
                } else {
                    #expect(kept == model.kept(of: history), "seed \(seed): \(model)")
                }
                keptCount += kept.count
                deletedCount += history.checkpoints.count - kept.count
            }
        }
        #expect(keptCount > 500 && deletedCount > 500, "kept \(keptCount), deleted \(deletedCount)")
    }

    @Test("a policy keeps all of what it has kept, and one more rule deletes nothing more")
    func again() throws {
        for seed in 1000..<1100 {
            var generator = Seeded(UInt64(seed))
            var history = try RetentionHistory(&generator)
            let policy = RetentionModel(&generator).policy
            let kept = try history.kept(by: policy)
            var larger = policy
            larger.lastCount = max(larger.lastCount, 3)
            // A checkpoint that is kept because no rule keeps one is not needed with this rule.
            let rules = kept.filter { $0.value != ["only"] }
            let more = try history.kept(by: larger)
            #expect(Set(rules.keys).isSubset(of: more.keys), "seed \(seed)")
            history.keep(Set(kept.keys))
            #expect(Set(try history.kept(by: policy).keys) == Set(kept.keys), "seed \(seed)")
        }
    }

    @Test("each checkpoint gets one decision, the newest first, and at least one is kept")
    func decisions() throws {
        for seed in 2000..<2050 {
            var generator = Seeded(UInt64(seed))
            let history = try RetentionHistory(&generator)
            let decisions = try history.decide(RetentionModel(&generator).policy)
            #expect(decisions.map(\.checkpoint) == history.checkpoints.reversed())
            #expect(decisions.isEmpty || decisions.contains { !$0.reasons.isEmpty })
            for decision in decisions where !decision.reasons.isEmpty {
                let isDamaged = history.damaged.contains(decision.checkpoint.number)
                #expect(decision.isDamaged == isDamaged, "seed \(seed)")
            }
        }
    }

    private static let week = [
        "2026-11-02T08:00", "2026-11-02T20:00", "2026-11-03T08:00", "2026-11-03T20:00",
        "2026-11-10T08:00", "2026-11-10T08:30",
    ]

    @Test("the newest checkpoint of each period is kept, and the oldest if periods are missing")
    func periods() throws {
        let history = try Self.history(Self.week)
        #expect(
            try history.kept(by: Self.policy(last: 1, [.daily: 2]))
                == [6: ["last", "daily"], 4: ["daily"]])
        #expect(
            try history.kept(by: Self.policy([.daily: 3]))
                == [6: ["daily"], 4: ["daily"], 2: ["daily"]])
        #expect(
            try history.kept(by: Self.policy([.daily: 4, .yearly: 2, .weekly: 2]))
                == [
                    6: ["daily", "weekly", "yearly"], 4: ["daily", "weekly"], 2: ["daily"],
                    1: ["oldest daily", "oldest yearly"],
                ])
        #expect(
            try history.kept(by: Self.policy([.hourly: .max])).keys.sorted() == [1, 2, 3, 4, 6])
        #expect(try history.kept(by: Self.policy(last: .max)).count == 6)
        // The oldest checkpoint already has a place, so there is no other reason to keep it.
        #expect(try history.kept(by: Self.policy([.hourly: 6]))[1] == ["hourly"])
    }

    @Test("the number decides which checkpoint is newer, and a time only in which period it is")
    func clockJump() throws {
        // The clock was a year ahead at first, and was then corrected.
        let times = [
            "2027-11-02T08:00", "2027-11-02T09:00", "2026-11-02T08:00", "2026-11-03T08:00",
        ]
        let history = try Self.history(times)
        #expect(
            try history.kept(by: Self.policy(last: 1, [.yearly: 1]))
                == [4: ["last", "yearly"]])
        #expect(
            try history.kept(by: Self.policy([.yearly: 2])) == [4: ["yearly"], 2: ["yearly"]])
        // The span counts from the newest number. What seems to be from the future is within it.
        #expect(try history.kept(by: Self.policy(within: "2h")).keys.sorted() == [1, 2, 4])
        // A period that comes twice has only one place, for its newest checkpoint.
        let twice = try Self.history(["2026-11-02T08:00", "2026-11-03T08:00", "2026-11-02T09:00"])
        #expect(try twice.kept(by: Self.policy([.daily: 2])).keys.sorted() == [2, 3])
    }

    @Test("a newest checkpoint from the future does not make the others too old for a span")
    func future() throws {
        let history = try Self.history([
            "2026-11-20T08:00", "2026-11-21T08:00", "2026-11-22T08:00", "2036-01-01T08:00",
        ])
        let now = try #require(Timestamp("2026-11-23T08:00Z"))
        let decisions = try Self.policy(within: "2d").decide(history.checkpoints, now: now) { _ in
            false
        }
        #expect(decisions.filter { !$0.reasons.isEmpty }.map(\.checkpoint.number) == [4, 3, 2])
    }

    @Test("a damaged checkpoint is kept by a rule, which then also keeps the next one")
    func damaged() throws {
        let history = try Self.history(Self.week, damaged: [6, 4, 1])
        let decisions = try history.decide(Self.policy(last: 2))
        #expect(decisions.map { !$0.reasons.isEmpty } == [true, true, true, true, false, false])
        #expect(decisions.map(\.isDamaged) == [true, false, true, false, false, false])
        #expect(
            try history.kept(by: Self.policy([.daily: 4]))
                == [6: ["daily"], 5: ["daily"], 4: ["daily"], 3: ["daily"], 2: ["daily"]])
        // The oldest intact checkpoint is kept, not a damaged one that is older.
        #expect(
            try history.kept(by: Self.policy([.yearly: 2]))
                == [6: ["yearly"], 5: ["yearly"], 2: ["oldest yearly"]])
        let labels = [6: "a", 5: "b"]
        let labelled = try Self.history(Self.week, labels: labels, damaged: [6])
        #expect(
            try labelled.kept(by: Self.policy(labels: ["a"])) == [6: ["label a"], 5: ["only"]])
    }

    @Test("if no rule keeps an intact checkpoint, the newest intact one is kept")
    func only() throws {
        let policy = try Self.policy(labels: ["release-*"])
        #expect(try Self.history(Self.week).kept(by: policy) == [6: ["only"]])
        #expect(try Self.history(Self.week, damaged: [6, 5]).kept(by: policy) == [4: ["only"]])
        #expect(try Self.history(Self.week, damaged: Set(1...6)).kept(by: policy) == [6: ["only"]])
        #expect(
            try Self.history(Self.week, damaged: Set(1...6)).kept(by: Self.policy([.weekly: 1]))
                .keys.sorted() == Array(1...6))
        #expect(try Self.history([]).decide(policy).isEmpty)
    }

    @Test("a policy without a rule is refused")
    func empty() throws {
        for policy in [
            RetentionPolicy(), try Self.policy(last: 0, [.daily: 0, .hourly: 0]),
        ] {
            #expect(policy.isEmpty)
            let error = #expect(throws: SnapError.self) { _ = try Prune(policy) }
            #expect(error?.code == .usage)
        }
        for policy in try [
            Self.policy(last: 1), Self.policy([.daily: 1]), Self.policy(within: "1h"),
            Self.policy(labels: [""]),
        ] {
            #expect(!policy.isEmpty)
        }
    }

    @Test("a label matches a pattern as a file name matches in the shell")
    func patterns() {
        let matching = [
            ("release-*", "release-"), ("release-*", "release-1.2"), ("*", ""), ("*", "a/b"),
            ("*", ".hidden"), ("a?c", "abc"), ("[a-c]1", "b1"), ("[!a]", "b"), ("a\\*", "a*"),
            ("[*]", "*"), ("*1*", "012"), ("", ""), ("*é", "café"), ("a[", "a["),
        ]
        for (pattern, label) in matching {
            #expect(GlobPattern(pattern).matches(label), "\(pattern) \(label)")
        }
        let other = [
            ("release-*", "Release-1"), ("release", "release-1"), ("release-*", "a release-1"),
            ("a?c", "ac"), ("[!a]", "a"), ("a\\*", "ab"), ("", "a"), ("?", ""),
        ]
        for (pattern, label) in other {
            #expect(!GlobPattern(pattern).matches(label), "\(pattern) \(label)")
        }
    }
}
