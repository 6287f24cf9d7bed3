import Glibc
import Synchronization

/// The wish of the user, told by SIGINT, SIGTERM or SIGHUP, that the command end now.
///
/// A handler only raises a flag; the work looks at it between units and after calls that a signal
/// woke, and ends with `.interrupted`, which leaves store and output as they were.
package enum Interruption {
    private static let requested = Atomic<Bool>(false)
    /// How many calls of `deferring` are under way.
    private static let deferringCount = Atomic<Int>(0)

    /// Whether a signal has come.
    package static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// Ends the work here if a signal has come.
    ///
    /// - Throws: `.interrupted`.
    package static func check() throws(SnapError) {
        if isRequested { throw SnapError(.interrupted, "interrupted") }
    }

    /// Catches the signals from now on, and ignores those of a closed pipe and of a file
    /// that grows too long, so that both are errors.
    ///
    /// Without SA_RESTART, so that a blocked read or flock(2) wakes (sigaction(2)). A signal that
    /// the caller has ignored, as nohup(1) does, stays ignored; one that it has blocked, as a
    /// multi-threaded caller may without meaning us, is let through.
    package static func install() {
        _ = isRequested  // the handler must not be the first to touch the flag
        var numbers = sigset_t()
        unsafe sigemptyset(&numbers)
        for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) {
            // A second signal ends the process where the first is not seen, as in a write to a
            // pipe that nobody reads. What is being written has no name yet.
            catchSignal(number, onceOnly: true)
            unsafe sigaddset(&numbers, number)
        }
        unsafe sigprocmask(SIG_UNBLOCK, &numbers, nil)
        for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_IGN) }
    }

    /// Runs something to its own end: however many signals come meanwhile, they only set the flag.
    ///
    /// Calls may be nested; the last one to end makes a second signal end the process again.
    ///
    /// - Parameter body: What is run.
    /// - Throws: What `body` throws.
    package static func deferring<Result: ~Copyable, Failure>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let numbers = [SIGINT, SIGTERM, SIGHUP].filter { !isIgnored($0) }
        if deferringCount.add(1, ordering: .relaxed).oldValue == 0 {
            for number in numbers { catchSignal(number, onceOnly: false) }
        }
        defer {
            if deferringCount.subtract(1, ordering: .relaxed).newValue == 0 {
                for number in numbers { catchSignal(number, onceOnly: true) }
            }
        }
        return try body()
    }

    private static func catchSignal(_ number: Int32, onceOnly: Bool) {
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { _ in
            Interruption.requested.store(true, ordering: .relaxed)
        }
        action.sa_flags = onceOnly ? Int32(bitPattern: UInt32(SA_RESETHAND)) : 0
        unsafe sigaction(number, &action, nil)
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        // The handler is a union of pointers; SIG_IGN is 1, which no function is (signal(7)).
        return unsafe withUnsafeBytes(of: action.__sigaction_handler) { bytes in
            unsafe bytes.loadUnaligned(as: Int.self) == 1
        }
    }
}
