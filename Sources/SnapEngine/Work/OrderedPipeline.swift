import Dispatch
import SnapSystem
import Synchronization

/// The one place where work runs on several threads.
///
///     next (one at a time, in order) ─ work (on all workers) ─ deliver (one at a time, in order)
///
/// In the middle of its work an item may take its turn: that part, too, is done one at a time and
/// in order. Results do not depend on the number of workers, and a bounded number of them exists
/// at once.
struct OrderedPipeline<Item: Sendable, Result: Sendable>: ~Copyable {
    private struct State {
        var claimedCount = 0
        var deliveredCount = 0
        var isDelivering = false
        var isExhausted = false
        var ready: [Int: Result] = [:]
        var failure: (index: Int, error: SnapError)?
    }

    private let state = Mutex(State())
    /// One permit for each result that may exist; taken with an item, given back when its result
    /// has been delivered.
    ///
    /// Made empty and filled afterwards, because a semaphore must not end with less than it began
    /// with.
    private let permits = DispatchSemaphore(value: 0)
    private let turnstile = Turnstile()
    private let jobs: Int

    private init(jobs: Int) {
        self.jobs = jobs
        for _ in 0..<2 * jobs { permits.signal() }
    }

    /// Runs all items through a pipeline.
    ///
    /// Of several failures that of the first item is thrown, after all workers have stopped.
    ///
    /// - Parameters:
    ///   - jobs: How many workers, at least 1.
    ///   - next: Gives the next item, nil after the last.
    ///   - makeWorker: Makes what one worker needs, once for each that has something to do.
    ///   - work: Turns an item into a result; either every item takes its turn or none does.
    ///   - deliver: Takes the results in the order of the items.
    /// - Throws: What the closures throw, and `.interrupted`.
    static func run<Worker: ~Copyable>(
        jobs: Int,
        next: @Sendable () throws(SnapError) -> Item?,
        makeWorker: @Sendable () throws(SnapError) -> Worker,
        work: @Sendable (inout Worker, Item, Turn) throws(SnapError) -> Result,
        deliver: @Sendable (Result) throws(SnapError) -> Void
    ) throws(SnapError) {
        let pipeline = OrderedPipeline(jobs: jobs)
        DispatchQueue.concurrentPerform(iterations: jobs) { _ in
            // Where there are fewer processors or items than jobs, some find nothing to do.
            guard var claimed = pipeline.claim(next) else { return }
            do throws(SnapError) {
                var worker = try makeWorker()
                while true {
                    let (index, item) = claimed
                    let result = try work(
                        &worker, item, Turn(index: index, turnstile: pipeline.turnstile))
                    pipeline.state.withLock { $0.ready[index] = result }
                    pipeline.drain(deliver)
                    guard let following = pipeline.claim(next) else { return }
                    claimed = following
                }
            } catch {
                pipeline.fail(at: claimed.index, error)
            }
        }
        if let failure = pipeline.state.withLock({ $0.failure }) { throw failure.error }
    }

    /// Waits for a permit and claims the next item; nil if there is none or work has failed.
    private func claim(
        _ next: @Sendable () throws(SnapError) -> Item?
    ) -> (index: Int, item: Item)? {
        permits.wait()
        do throws(SnapError) {
            let claimed = try state.withLock { state throws(SnapError) -> (Int, Item)? in
                guard state.failure == nil, !state.isExhausted else { return nil }
                try Interruption.check()
                guard let item = try next() else {
                    state.isExhausted = true
                    return nil
                }
                state.claimedCount += 1
                return (state.claimedCount - 1, item)
            }
            // Without an item the permit goes to the next worker that waits, so that all end.
            if claimed == nil { permits.signal() }
            return claimed
        } catch {
            fail(at: Int.max - 1, error)
            return nil
        }
    }

    /// Delivers what is ready, in order, unless another worker is at it.
    private func drain(_ deliver: @Sendable (Result) throws(SnapError) -> Void) {
        var isMine = false
        while true {
            let next = state.withLock { state -> (index: Int, result: Result)? in
                guard isMine || !state.isDelivering else { return nil }
                let index = state.deliveredCount
                let result = state.failure == nil ? state.ready.removeValue(forKey: index) : nil
                state.isDelivering = result != nil
                return result.map { (index, $0) }
            }
            guard let next else { return }
            isMine = true
            do throws(SnapError) { try deliver(next.result) } catch {
                fail(at: next.index, error)
            }
            state.withLock { $0.deliveredCount += 1 }
            permits.signal()
        }
    }

    private func fail(at index: Int, _ error: SnapError) {
        state.withLock { state in
            if index < state.failure?.index ?? Int.max { state.failure = (index, error) }
        }
        turnstile.close(from: index)
        permits.signal()
    }
}
