import Synchronization
package import SystemPackage

/// A test's script for the system calls: which one fails, and how.
///
/// One plan serves one run of a command. Calls are counted from 0 over all threads.
package final class FaultPlan: Sendable {
    /// What happens at the chosen call.
    package enum Fault: Sendable, Equatable {
        /// The call is not made and returns this error, once.
        case fail(Errno)
        /// The call moves half of the bytes that it was asked to (reads and writes only).
        case short
        /// The call and all later ones are not made and fail: the process is gone. (Descriptors
        /// are still closed, as the kernel does for a dead process.)
        case stop
    }

    /// What the seam does with one call.
    enum Verdict {
        case proceed
        case fail(Errno)
        case short
    }

    private struct Progress {
        var callCount = 0
        var isStopped = false
    }

    private let chosenCall: Int?
    private let fault: Fault
    private let progress = Mutex(Progress())

    /// Makes a plan.
    ///
    /// - Parameters:
    ///   - chosenCall: Which call fails, counted from 0; nil only counts.
    ///   - fault: How it fails.
    package init(at chosenCall: Int?, _ fault: Fault) {
        self.chosenCall = chosenCall
        self.fault = fault
    }

    /// How many calls have been asked for so far.
    package var callCount: Int { progress.withLock(\.callCount) }

    func nextVerdict() -> Verdict {
        progress.withLock { progress in
            let call = progress.callCount
            progress.callCount += 1
            if progress.isStopped { return .fail(.ioError) }
            guard call == chosenCall else { return .proceed }
            switch fault {
            case .fail(let errno): return .fail(errno)
            case .short: return .short
            case .stop:
                progress.isStopped = true
                return .fail(.ioError)
            }
        }
    }
}
