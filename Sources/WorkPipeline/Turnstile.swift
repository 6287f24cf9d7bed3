import Dispatch
import SnapSystem
import Synchronization

/// Lets the items of a pipeline through one at a time, in their order.
///
/// An item waits only for items that were claimed before it, so that the first of those under way
/// never waits and all get on.
final class Turnstile: Sendable {
    private struct State {
        var next = 0
        /// The first item that will not come, because it has failed.
        var closedFrom = Int.max
        var waiting: [Int: DispatchSemaphore] = [:]
    }

    private let state = Mutex(State())

    /// Waits until all earlier items have passed.
    ///
    /// - Parameter index: Which item wants to pass.
    /// - Throws: `.internalFailure`, which nobody gets to see, if an earlier item has failed.
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

    /// Lets the next item in.
    func leave() {
        let signal = state.withLock { state in
            state.next += 1
            return state.waiting.removeValue(forKey: state.next)
        }
        signal?.signal()
    }

    /// Turns away all items behind one that has failed.
    ///
    /// - Parameter index: The item that will not come.
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
