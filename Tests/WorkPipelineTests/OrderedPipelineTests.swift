import Foundation
import SnapSystem
import Synchronization
import TestSupport
import Testing
import WorkPipeline

@Suite("Ordered pipeline")
struct OrderedPipelineTests {
    /// Numbers from 0 on, one of which may be an error; a watch sees how many callers there are at once.
    private struct Numbers: ~Copyable, WorkSource {
        let count: Int
        var failing: Int?
        let watch: Watch
        private var position = 0

        init(_ count: Int, failing: Int? = nil, watch: Watch = Watch()) {
            self.count = count
            self.failing = failing
            self.watch = watch
        }

        mutating func next() throws(SnapError) -> Int? {
            watch.enter()
            defer { watch.leave() }
            guard position < count else { return nil }
            if position == failing { throw SnapError(.inputOutput, "source \(position)") }
            position += 1
            return position - 1
        }
    }

    /// Counts how many are in the same place at once, and the most there were.
    private final class Watch: Sendable {
        private let counts = Mutex((now: 0, most: 0))

        var most: Int { counts.withLock(\.most) }
        func enter() { counts.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
        func leave() { counts.withLock { $0.now -= 1 } }
    }

    /// Takes a while, another one for each item of each seed.
    private static func dawdle(_ item: Int, _ seed: Int) {
        var generator = Seeded(UInt64(seed * 1000 + item))
        usleep(.random(in: 0..<300, using: &generator))
    }

    private static let jobCounts = [1, 2, 3, 8, 32]

    @Test("results come in the order of the items, whatever the workers do", arguments: 0..<20)
    func order(seed: Int) throws {
        let jobs = Self.jobCounts[seed % Self.jobCounts.count]
        let count = [0, 1, 2, 60, 300][seed / 4]
        let source = Watch()
        let sink = Watch()
        let workers = Watch()
        let alive = Watch()
        let results = try OrderedPipeline.run(
            over: Numbers(count, watch: source), into: [Int](), jobs: jobs,
            makeWorker: { () -> Int in
                workers.enter()
                return 0
            },
            work: { (doneCount, item, _) in
                alive.enter()
                doneCount += 1
                Self.dawdle(item, seed)
                return item * item
            },
            deliver: { (results: inout [Int], result) in
                sink.enter()
                results.append(result)
                sink.leave()
                alive.leave()
            })
        #expect(results == (0..<count).map { $0 * $0 })
        #expect(source.most == 1)
        #expect(sink.most == min(count, 1))
        #expect(workers.most <= min(jobs, count))
        // Results that wait for an earlier one are bounded, however slow that is.
        #expect(alive.most <= 2 * jobs)
    }

    @Test("turns come one at a time and in the order of the items", arguments: 0..<10)
    func turns(seed: Int) throws {
        let turns = Mutex<[Int]>([])
        let inside = Watch()
        try OrderedPipeline.run(
            over: ListSource(Array(0..<100)), into: (), jobs: Self.jobCounts[seed % 5],
            makeWorker: {},
            work: { (_, item: Int, turn) throws(SnapError) in
                Self.dawdle(item, seed)
                try turn.take { () throws(SnapError) in
                    inside.enter()
                    turns.withLock { $0.append(item) }
                    inside.leave()
                }
                Self.dawdle(item + 500, seed)
            },
            deliver: { _, _ in })
        #expect(turns.withLock(\.self) == Array(0..<100))
        #expect(inside.most == 1)
    }

    /// Where an item can fail.
    enum Place: CaseIterable {
        case source
        case work
        case beforeTurn
        case turn
        case afterTurn
        case delivery
    }

    @Test(
        "the first item's failure is thrown, what came before it is delivered, nothing after it",
        arguments: Place.allCases, 0..<8)
    func failures(place: Place, seed: Int) throws {
        let failing = [0, 1, 17, 80][seed % 4]
        let delivered = Mutex<[Int]>([])
        // Later items fail, too, and sooner: theirs is not the error that counts.
        let fail = { @Sendable (item: Int, here: Place) throws(SnapError) in
            guard here == place, item >= failing else { return }
            throw SnapError(.damaged, "item \(item)")
        }
        let error = #expect(throws: SnapError.self) {
            try OrderedPipeline.run(
                over: Numbers(100, failing: place == .source ? failing : nil), into: (),
                jobs: Self.jobCounts[seed % 5],
                makeWorker: {},
                work: { (_, item, turn) throws(SnapError) in
                    if item == failing { Self.dawdle(item, seed) }
                    try fail(item, .work)
                    try fail(item, .beforeTurn)
                    try turn.take { () throws(SnapError) in try fail(item, .turn) }
                    try fail(item, .afterTurn)
                    return item
                },
                deliver: { (_, item: Int) throws(SnapError) in
                    try fail(item, .delivery)
                    delivered.withLock { $0.append(item) }
                })
        }
        let expected = place == .source ? "source \(failing)" : "item \(failing)"
        #expect(error?.message == expected)
        let all = delivered.withLock(\.self)
        #expect(all == Array(0..<all.count) && all.count <= failing)
    }

    @Test("a worker that cannot be made fails the run", arguments: jobCounts)
    func makingWorkers(jobs: Int) {
        let error = #expect(throws: SnapError.self) {
            try OrderedPipeline.run(
                over: Numbers(50), into: (), jobs: jobs,
                makeWorker: { () throws(SnapError) -> Int in
                    throw SnapError(.internalFailure, "no worker")
                },
                work: { (_, item, _) in item }, deliver: { _, _ in })
        }
        #expect(error?.message == "no worker")
    }

    @Test("a sink and workers that cannot be copied are handed on, and the sink comes back")
    func owners() throws {
        struct Sum: ~Copyable { var value = 0 }
        struct Worker: ~Copyable { let factor = 3 }
        let sum = try OrderedPipeline.run(
            over: Numbers(1000), into: Sum(), jobs: 4,
            makeWorker: { Worker() },
            work: { (worker, item, _) in item * worker.factor },
            deliver: { (sum: inout Sum, result) in sum.value += result })
        #expect(sum.value == 3 * 999 * 500)
    }
}
