// WorkPipeline
//
// How work runs: the context that every operation gets, its progress, and a pipeline that uses
// several threads. This target imports only SnapSystem and does not know about pages. Start here:
// items come from a source one at a time and in order, workers turn each item into a result, and
// the results go into a sink one at a time and in order.

import Dispatch
package import SnapSystem
import Synchronization

/// A pipeline that passes the items of a source through workers, and the results into a sink.
///
///     source.next (one at a time, in order) ─ work (on all workers) ─ deliver (one at a time, in
///     order) ─ sink
///
/// During its work an item can take its turn: that part also runs one at a time and in order.
/// The results do not depend on the number of workers. The number of results that exist at the
/// same time is bounded. The pipeline owns the source and the sink while it runs, so neither needs
/// its own lock.
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
    /// Used only by the worker that is delivering; nil after the run and after a failed delivery.
    private let sink: Mutex<Sink?>
    /// One permit for each result that may exist.
    ///
    /// A worker takes a permit before it claims an item. The permit is returned when the item's
    /// result has been delivered.
    ///
    /// The semaphore is created with the value 0 and then signalled, because libdispatch traps if a
    /// semaphore is destroyed with a value below its initial one.
    private let permits = DispatchSemaphore(value: 0)
    private let turnstile = Turnstile()

    private init(
        over source: consuming sending Source, into sink: consuming sending Sink, jobs: Int
    ) {
        state = Mutex(State(source))
        self.sink = Mutex(sink)
        for _ in 0..<2 * jobs { permits.signal() }
    }

    /// Runs all items of a source through a pipeline.
    ///
    /// If several items fail, the error of the first of them in order is thrown, after all workers
    /// have stopped. The sink is destroyed in that case.
    ///
    /// - Parameters:
    ///   - source: The source of the items.
    ///   - sink: The sink for the results.
    ///   - jobs: The number of workers, at least 1.
    ///   - makeWorker: Creates the state of one worker; called once per worker that gets an item.
    ///   - work: Turns an item into a result. Either every item must take its turn or none.
    ///   - deliver: Puts a result into the sink; called in the order of the items.
    /// - Returns: The sink, after the results of all items have been delivered.
    /// - Throws: What the source and the closures throw, and `.interrupted`.
    package static func run<Worker: ~Copyable>(
        over source: consuming sending Source, into sink: consuming sending Sink, jobs: Int,
        makeWorker: @Sendable () throws(SnapError) -> Worker,
        work: @Sendable (inout Worker, Source.Item, Turn) throws(SnapError) -> Result,
        deliver: @Sendable (inout Sink, Result) throws(SnapError) -> Void
    ) throws(SnapError) -> sending Sink {
        let pipeline = OrderedPipeline(over: source, into: sink, jobs: jobs)
        WorkerThreads.run(jobs) {
            // With fewer items than jobs, some threads find no item.
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
                throw SnapError(.internalFailure, "cannot return the sink of the pipeline")
            }
            return filled
        }
    }

    /// Waits for a permit and claims the next item; returns nil after the last item or a failure.
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
            // Without an item, the permit goes to the next waiting worker, so that all of them end.
            if claimed == nil { permits.signal() }
            return claimed
        } catch {
            fail(at: Int.max - 1, error)
            return nil
        }
    }

    /// Delivers the ready results in order, unless another worker is delivering.
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
