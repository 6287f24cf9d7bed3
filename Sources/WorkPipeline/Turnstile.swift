import Dispatch
import SnapSystem
import Synchronization

/// A gate that lets the items of a pipeline through one at a time, in their order.
///
/// An item waits only for items that were claimed before it. The first unfinished item therefore
/// never waits, so the pipeline cannot deadlock.
final class Turnstile: Sendable {
    private struct State {
        var next = 0
        /// The index of the first item that has failed and will not pass.
        var closedFrom = Int.max
        var waiting: [Int: DispatchSemaphore] = [:]
    }

    private let state = Mutex(State())

    /// Waits until all earlier items have passed.
    ///
    /// - Parameter index: The index of the item that waits.
    /// - Throws: `.internalFailure` if an earlier item has failed. The pipeline never reports this
    ///   error, because it reports the earlier item's.
    func enter(_ index: Int) throws(SnapError) {
        while true {
            let signal: DispatchSemaphore? = try state.withLock { state throws(SnapError) in
                if state.closedFrom < index {
                    throw SnapError(.internalFailure, "an earlier item has failed")
                }
                if state.next == index { return nil }
                let signal = DispatchSemaphore(value: 0)
                state.waiting[index] = signal
                return signal
            }
            guard let signal else { return }
            signal.wait()
        }
    }

    /// Lets the next item pass.
    func leave() {
        let signal = state.withLock { state in
            state.next += 1
            return state.waiting.removeValue(forKey: state.next)
        }
        signal?.signal()
    }

    /// Makes `enter` fail for all items after one that has failed.
    ///
    /// - Parameter index: The index of the item that has failed.
    func close(from index: Int) {
        let signals = state.withLock { state in
            state.closedFrom = min(state.closedFrom, index)
            let signals = Array(state.waiting.values)
            state.waiting = [:]
            return signals
        }
        for signal in signals { signal.signal() }
    }
}
