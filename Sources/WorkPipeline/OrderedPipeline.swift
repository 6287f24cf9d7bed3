// WorkPipeline
//
// How work runs: the context that every operation gets, its progress, and the pipeline on several
// threads. It imports SnapSystem alone and knows nothing of pages. Start here: items come from a
// source one at a time and in order, workers turn each into a result, and the results go into a
// sink one at a time and in order.

import Dispatch
package import SnapSystem
import Synchronization

/// Runs the items of a source through workers, and their results into a sink.
///
///     source.next (one at a time, in order) ─ work (on all workers) ─ deliver (one at a time, in
///     order) ─ sink
///
/// In the middle of its work an item may take its turn: that part, too, runs one at a time and in
/// order. Results do not depend on the number of workers, and a bounded number of them exists
/// at once. The pipeline owns source and sink while it runs, so that neither needs a lock of its
/// own.
package struct OrderedPipeline<Source: WorkSource & ~Copyable, Sink: ~Copyable, Result: Sendable>:
    ~Copyable
{
    private struct State: ~Copyable {
        var source: Source
        var claimedCount = 0
        var deliveredCount = 0
        var isDelivering = false
        var isExhausted = false
        var ready: [Int: Result] = [:]
        var failure: (index: Int, error: SnapError)?

        init(_ source: consuming sending Source) {
            self.source = source
        }
    }

    private let state: Mutex<State>
    /// Used by one worker at a time, the one that delivers; nil at the end, and when a delivery has
    /// failed.
    private let sink: Mutex<Sink?>
    /// One permit for each result that may exist; taken with an item, given back when its result
    /// has been delivered.
    ///
    /// Made empty and filled afterwards, because a semaphore must not end with less than it began
    /// with.
    private let permits = DispatchSemaphore(value: 0)
    private let turnstile = Turnstile()

    private init(
        over source: consuming sending Source, into sink: consuming sending Sink, jobs: Int
    ) {
        state = Mutex(State(source))
        self.sink = Mutex(sink)
        for _ in 0..<2 * jobs { permits.signal() }
    }

    /// Runs all items through a pipeline.
    ///
    /// Of several failures that of the first item is thrown, after all workers have stopped; the
    /// sink is gone then.
    ///
    /// - Parameters:
    ///   - source: Where the items come from.
    ///   - sink: What takes the results.
    ///   - jobs: How many workers, at least 1.
    ///   - makeWorker: Makes what one worker needs, once for each that has something to do.
    ///   - work: Turns an item into a result; either every item takes its turn or none does.
    ///   - deliver: Puts a result into the sink; called in the order of the items.
    /// - Returns: The sink, with all results.
    /// - Throws: What the source and the closures throw, and `.interrupted`.
    package static func run<Worker: ~Copyable>(
        over source: consuming sending Source, into sink: consuming sending Sink, jobs: Int,
        makeWorker: @Sendable () throws(SnapError) -> Worker,
        work: @Sendable (inout Worker, Source.Item, Turn) throws(SnapError) -> Result,
        deliver: @Sendable (inout Sink, Result) throws(SnapError) -> Void
    ) throws(SnapError) -> sending Sink {
        let pipeline = OrderedPipeline(over: source, into: sink, jobs: jobs)
        DispatchQueue.concurrentPerform(iterations: jobs) { _ in
            // Where there are fewer processors or items than jobs, some find nothing to do.
            guard var claimed = pipeline.claim() else { return }
            do throws(SnapError) {
                var worker = try makeWorker()
                while true {
                    let (index, item) = claimed
                    let result = try work(
                        &worker, item, Turn(index: index, turnstile: pipeline.turnstile))
                    pipeline.state.withLock { $0.ready[index] = result }
                    pipeline.drain(deliver)
                    guard let following = pipeline.claim() else { return }
                    claimed = following
                }
            } catch {
                pipeline.fail(at: claimed.index, error)
            }
        }
        if let failure = pipeline.state.withLock({ $0.failure }) { throw failure.error }
        return try pipeline.sink.withLock { sink throws(SnapError) in
            guard let filled = sink.take() else {
                throw SnapError(.internalFailure, "the pipeline has lost its sink")
            }
            return filled
        }
    }

    /// Waits for a permit and claims the next item; nil if there is none or work has failed.
    private func claim() -> (index: Int, item: Source.Item)? {
        permits.wait()
        do throws(SnapError) {
            let claimed = try state.withLock { state throws(SnapError) -> (Int, Source.Item)? in
                guard state.failure == nil, !state.isExhausted else { return nil }
                try Interruption.check()
                guard let item = try state.source.next() else {
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
    private func drain(_ deliver: @Sendable (inout Sink, Result) throws(SnapError) -> Void) {
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
            do throws(SnapError) {
                try sink.withLock { slot throws(SnapError) in
                    guard var sink = slot.take() else { return }
                    try deliver(&sink, next.result)
                    slot = consume sink
                }
            } catch {
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
