import Foundation
import SnapSystem
import Synchronization
import TestSupport
import Testing

@testable import WorkPipeline

@Suite("A turnstile")
struct TurnstileTests {
    @Test(
        "items pass a turnstile in order, regardless of the order in which they arrive",
        arguments: 0..<10)
    func order(seed: Int) {
        var generator = Seeded(UInt64(seed))
        let turnstile = Turnstile()
        let passed = Mutex<[Int]>([])
        let arriving = (0..<24).shuffled(using: &generator)
        let group = DispatchGroup()
        for index in arriving {
            group.enter()
            Thread.detachNewThread {
                #expect(throws: Never.self) { try turnstile.enter(index) }
                passed.withLock { $0.append(index) }
                turnstile.leave()
                group.leave()
            }
        }
        group.wait()
        #expect(passed.withLock(\.self) == Array(0..<24))
    }

    @Test("items up to a failed one pass a turnstile, and later items do not")
    func closed() {
        let turnstile = Turnstile()
        let outcomes = Mutex<[Int: Bool]>([:])
        let group = DispatchGroup()
        for index in 1..<12 {
            group.enter()
            Thread.detachNewThread {
                var hasPassed = false
                do throws(SnapError) {
                    try turnstile.enter(index)
                    hasPassed = true
                    // The item that fails never lets the next item pass.
                    if index != 5 { turnstile.leave() }
                } catch {
                    #expect(error.code == .internalFailure)
                }
                outcomes.withLock { $0[index] = hasPassed }
                group.leave()
            }
        }
        usleep(20_000)
        turnstile.close(from: 5)
        // A failure of a later item has no effect.
        turnstile.close(from: 9)
        #expect(throws: Never.self) { try turnstile.enter(0) }
        turnstile.leave()
        group.wait()
        let passed = outcomes.withLock { $0.filter(\.value).keys.sorted() }
        #expect(passed == Array(1...5))
        #expect(throws: SnapError.self) { try turnstile.enter(12) }
    }
}

@Suite("The context of an operation")
struct WorkContextTests {
    @Test("progress starts at 0 in each phase, and is not counted outside a phase")
    func progress() {
        let progress = WorkProgress()
        progress.reach(5)
        progress.advance(by: 5)
        #expect(progress.state == nil)
        progress.begin(.saving, of: 100)
        #expect(progress.state == .init(phase: .saving, totalCount: 100))
        progress.advance(by: 30)
        progress.advance(by: 12)
        #expect(progress.state?.doneCount == 42)
        progress.reach(7)
        #expect(progress.state?.doneCount == 7)
        progress.begin(.verifying, of: nil, countsBytes: false)
        #expect(progress.state == .init(phase: .verifying, countsBytes: false))
    }

    @Test("a derived context differs in one property")
    func derived() {
        let warningCount = Mutex(0)
        var context = WorkContext(.kernel)
        context.lockTimeout = .seconds(9)
        context.jobs = 3
        context.warn = { _ in warningCount.withLock { $0 += 1 } }
        context.progress.begin(.saving, of: nil)
        let warning = SnapError(.damaged, "a warning")
        context.withoutWarnings.warn(warning)
        #expect(warningCount.withLock(\.self) == 0)
        for other in [context.withoutWaiting, context.withoutProgress] { other.warn(warning) }
        #expect(warningCount.withLock(\.self) == 2)
        #expect(context.withoutWaiting.lockTimeout == .zero)
        #expect(context.withoutWarnings.lockTimeout == .seconds(9))
        #expect(context.withoutProgress.progress.state == nil)
        #expect(context.withoutWaiting.progress.state?.phase == .saving)
        #expect(context.withoutProgress.jobs == 3)
    }

    @Test("a list source yields the elements of its list in order")
    func list() throws {
        var source = ListSource([3, 1, 2])
        var found: [Int] = []
        while let item = source.next() { found.append(item) }
        #expect(found == [3, 1, 2] && source.next() == nil)
    }
}

@Suite("A signal during a pipeline")
struct InterruptionTests {
    /// The pipeline runs in a separate process, because an interruption cannot be withdrawn.
    @Test("a signal stops a pipeline with an error before all items are delivered")
    func pipeline() async {
        await #expect(processExitsWith: .exitCode(130)) {
            Interruption.install()
            let delivered = Mutex(0)
            do throws(SnapError) {
                try OrderedPipeline.run(
                    over: ListSource(Array(0..<10_000)), into: (), jobs: 4, makeWorker: {},
                    work: { (_, item: Int, _) in
                        if item == 100 { kill(getpid(), SIGINT) }
                        return item
                    },
                    deliver: { _, _ in delivered.withLock { $0 += 1 } })
                exit(1)
            } catch {
                let isExpected = error.code == .interrupted && delivered.withLock { $0 < 10_000 }
                exit(isExpected ? 130 : 2)
            }
        }
    }
}
