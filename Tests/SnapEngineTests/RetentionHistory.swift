import GuestMemory
import SnapEngine
import SnapSystem
import TestSupport

/// The checkpoints of a guest as the index lists them, without files.
struct RetentionHistory {
    /// The checkpoints, in ascending order of their numbers.
    private(set) var checkpoints: [Checkpoint] = []
    /// The numbers of the damaged checkpoints.
    var damaged: Set<Int> = []

    /// Creates a history.
    ///
    /// - Parameters:
    ///   - times: The times of the checkpoints, which get the numbers from 1.
    ///   - labels: The labels, by number.
    init(_ times: [Timestamp], labels: [Int: String] = [:]) throws {
        let guest = try GuestName(checking: "g", as: "guest")
        checkpoints = times.enumerated().map { index, time in
            Checkpoint(
                guest: guest, number: index + 1, id: Identifier(high: 1, low: UInt64(index)),
                parentNumber: nil, createdAt: time, label: labels[index + 1], memoryByteCount: 4096,
                pages: PageCounts(), storedByteCount: 0, deviceSectionCount: 0,
                deviceStateByteCount: 0, codec: .zlib)
        }
    }

    /// Generates a history with gaps in the numbers, in which the clock sometimes jumps back.
    init(_ generator: inout Seeded) throws {
        var seconds = Int.random(in: 1_600_000_000..<1_900_000_000, using: &generator)
        let steps = [60, 3_600, 86_400, 604_800, 2_700_000, 20_000_000]
        let step = generator.choice(steps)
        var times: [Timestamp] = []
        for _ in 0..<Int.random(in: 1...40, using: &generator) {
            times.append(Timestamp(secondsSinceEpoch: seconds))
            let byChance = Int.random(in: 0..<12, using: &generator)
            let size = byChance < 2 ? generator.choice(steps) : step
            let change = Int.random(in: 0...size, using: &generator)
            seconds += byChance % 6 == 0 ? -change : change
        }
        var labels: [Int: String] = [:]
        for number in 1...times.count {
            labels[number] = generator.choice([nil, nil, "", "nightly", "release-1", "x"])
        }
        try self.init(times, labels: labels)
        let damagedPart = generator.choice([0, 0, 10, 50, 100])
        for number in 1...times.count {
            if Int.random(in: 0..<100, using: &generator) < damagedPart { damaged.insert(number) }
        }
        checkpoints.removeAll { $0.number % generator.choice([3, 7, 1000]) == 1 }
    }

    /// Removes all checkpoints but some.
    ///
    /// - Parameter numbers: The numbers of the checkpoints that stay.
    mutating func keep(_ numbers: Set<Int>) {
        checkpoints.removeAll { !numbers.contains($0.number) }
    }

    /// Applies a policy.
    ///
    /// - Parameter policy: The policy.
    /// - Returns: The decisions, the newest checkpoint first.
    func decide(_ policy: RetentionPolicy) throws -> [RetentionPolicy.Decision] {
        try policy.decide(checkpoints.shuffled(), now: Timestamp.range.upperBound) {
            damaged.contains($0.number)
        }
    }

    /// Applies a policy.
    ///
    /// - Parameter policy: The policy.
    /// - Returns: The reasons for which the kept checkpoints are kept, by number.
    func kept(by policy: RetentionPolicy) throws -> [Int: [String]] {
        var kept: [Int: [String]] = [:]
        for decision in try decide(policy) where !decision.reasons.isEmpty {
            kept[decision.checkpoint.number] = decision.reasons
        }
        return kept
    }
}
