import Foundation
import SnapSystem
import Synchronization
import TestSupport
import Testing
import WorkPipeline

@Suite("Ordered pipeline")
struct OrderedPipelineTests {
    /// A source of the numbers from 0, which can fail at one of them.
    private struct Numbers: ~Copyable, WorkSource {
        let count: Int
        var failing: Int?
        let callers: ConcurrencyCounter
        private var position = 0

        init(
            _ count: Int, failing: Int? = nil, callers: ConcurrencyCounter = ConcurrencyCounter()
        ) {
            self.count = count
            self.failing = failing
            self.callers = callers
        }

        mutating func next() throws(SnapError) -> Int? {
            callers.enter()
            defer { callers.leave() }
            guard position < count else { return nil }
            if position == failing { throw SnapError(.inputOutput, "source \(position)") }
            position += 1
            return position - 1
        }
    }

    /// A counter of the threads or items that are in one place at the same time.
    private final class ConcurrencyCounter: Sendable {
        private let counts = Mutex((now: 0, most: 0))

        /// The highest number that was there at the same time.
        var most: Int { counts.withLock(\.most) }
        func enter() { counts.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
        func leave() { counts.withLock { $0.now -= 1 } }
    }

    /// Sleeps for a time that depends on the item and the seed.
    private static func sleep(_ item: Int, _ seed: Int) {
        var generator = Seeded(UInt64(seed * 1000 + item))
        usleep(.random(in: 0..<300, using: &generator))
    }

    private static let jobCounts = [1, 2, 3, 8, 32]

    @Test("results are delivered in the order of the items", arguments: 0..<20)
    func order(seed: Int) throws {
        let jobs = Self.jobCounts[seed % Self.jobCounts.count]
        let count = [0, 1, 2, 60, 300][seed / 4]
        let source = ConcurrencyCounter()
        let sink = ConcurrencyCounter()
        let workers = ConcurrencyCounter()
        let undelivered = ConcurrencyCounter()
        let results = try OrderedPipeline.run(
            over: Numbers(count, callers: source), into: [Int](), jobs: jobs,
            makeWorker: { () -> Int in
                workers.enter()
                return 0
            },
            work: { (doneCount, item, _) in
                undelivered.enter()
                doneCount += 1
                Self.sleep(item, seed)
                return item * item
            },
            deliver: { (results: inout [Int], result) in
                sink.enter()
                results.append(result)
                sink.leave()
                undelivered.leave()
            })
        #expect(results == (0..<count).map { $0 * $0 })
        #expect(source.most == 1)
        #expect(sink.most == min(count, 1))
        #expect(workers.most <= min(jobs, count))
        // The number of results that wait for a slow earlier one is bounded.
        #expect(undelivered.most <= 2 * jobs)
    }

    @Test("turns run one at a time and in the order of the items", arguments: 0..<10)
    func turns(seed: Int) throws {
        let turns = Mutex<[Int]>([])
        let inside = ConcurrencyCounter()
        try OrderedPipeline.run(
            over: ListSource(Array(0..<100)), into: (), jobs: Self.jobCounts[seed % 5],
            makeWorker: {},
            work: { (_, item: Int, turn) throws(SnapError) in
                Self.sleep(item, seed)
                try turn.take { () throws(SnapError) in
                    inside.enter()
                    turns.withLock { $0.append(item) }
                    inside.leave()
                }
                Self.sleep(item + 500, seed)
            },
            deliver: { _, _ in })
        #expect(turns.withLock(\.self) == Array(0..<100))
        #expect(inside.most == 1)
    }

    /// The step at which an item fails.
    enum Place: CaseIterable {
        case source
        case work
        case beforeTurn
        case turn
        case afterTurn
        case delivery
    }

    @Test(
        "the error of the first item that fails is thrown, and no later result is delivered",
        arguments: Place.allCases, 0..<8)
    func failures(place: Place, seed: Int) throws {
        let failing = [0, 1, 17, 80][seed % 4]
        let delivered = Mutex<[Int]>([])
        // Later items also fail, and sooner, but the pipeline must not throw their errors.
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
                    if item == failing { Self.sleep(item, seed) }
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

    @Test("the run fails if a worker cannot be created", arguments: jobCounts)
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

    @Test("a noncopyable sink and noncopyable workers are passed on, and the sink is returned")
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
