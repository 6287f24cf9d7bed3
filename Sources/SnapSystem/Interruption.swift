import Glibc
import Synchronization

/// The wish of the user, told by SIGINT, SIGTERM or SIGHUP, that the command end now.
///
/// A handler only raises a flag; the work looks at it between units and after calls that a signal
/// woke, and ends with `.interrupted`, which leaves store and output as they were.
public enum Interruption {
    private static let requested = Atomic<Bool>(false)

    /// Whether a signal has come.
    public static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// Ends the work here if a signal has come.
    ///
    /// - Throws: `.interrupted`.
    public static func check() throws(SnapError) {
        if isRequested { throw SnapError(.interrupted, "interrupted") }
    }

    /// Catches the signals from now on, and ignores SIGPIPE so that a closed pipe is an error.
    ///
    /// Without SA_RESTART, so that a blocked read or flock(2) wakes (sigaction(2)).
    public static func install() {
        _ = isRequested  // the handler must not be the first to touch the flag
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { _ in
            Interruption.requested.store(true, ordering: .relaxed)
        }
        for number in [SIGINT, SIGTERM, SIGHUP] { unsafe sigaction(number, &action, nil) }
        signal(SIGPIPE, SIG_IGN)
    }
}
