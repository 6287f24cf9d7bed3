import Glibc
import Synchronization

/// The user's request to stop the command, made with SIGINT, SIGTERM or SIGHUP.
///
/// The signal handler only sets a flag. The work checks the flag between units, and after each
/// system call that a signal interrupted, and fails with `.interrupted`. Like any failure, this
/// leaves store and output unchanged, with the exceptions that snap(1) lists.
package enum Interruption {
    private static let requested = Atomic<Bool>(false)
    /// The number of calls of `deferring` that are running.
    private static let deferringCount = Atomic<Int>(0)

    /// Whether a signal has arrived.
    package static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// Fails if a signal has arrived.
    ///
    /// - Throws: `.interrupted`.
    package static func check() throws(SnapError) {
        if isRequested { throw SnapError(.interrupted, "interrupted") }
    }

    /// Starts to catch SIGINT, SIGTERM and SIGHUP, and to ignore SIGPIPE and SIGXFSZ.
    ///
    /// When SIGPIPE and SIGXFSZ are ignored, a write to a closed pipe or beyond the limit on file
    /// size fails with an error. The handlers are installed without SA_RESTART, so that a signal
    /// interrupts a blocked read or flock(2) (sigaction(2)).
    ///
    /// A signal that the caller ignores, as nohup(1) does, stays ignored. A signal that the caller
    /// blocks is unblocked: a multi-threaded caller may block it only for its own threads.
    package static func install() {
        _ = isRequested  // initializes the flag, because a signal handler must not do so
        var numbers = sigset_t()
        unsafe sigemptyset(&numbers)
        for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) {
            // The second signal terminates the process, in case the first one is never noticed, as
            // in a write to a pipe that no process reads. Unfinished files have no name yet.
            catchSignal(number, onceOnly: true)
            unsafe sigaddset(&numbers, number)
        }
        unsafe sigprocmask(SIG_UNBLOCK, &numbers, nil)
        for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_IGN) }
        // A caller that ignores SIGCHLD would hide how a child process has ended (wait(2)).
        signal(SIGCHLD, SIG_DFL)
    }

    /// Runs a closure to completion: signals that arrive while it runs only set the flag.
    ///
    /// Calls can be nested. When the last one ends, a second signal terminates the process again.
    ///
    /// - Parameter body: The work that signals must not end.
    /// - Returns: The result of `body`.
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
        // The handler is a union of pointers. SIG_IGN is 1, which is no function's address.
        return unsafe withUnsafeBytes(of: action.__sigaction_handler) { bytes in
            unsafe bytes.loadUnaligned(as: Int.self) == 1
        }
    }
}
