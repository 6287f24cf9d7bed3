package import SnapSystem

/// How an operation runs, whatever it does; it goes down from the command.
package struct WorkContext: Sendable {
    /// The system calls that files, locks and sockets use.
    package var calls: SystemCalls
    /// How long to wait for each lock, and for another QMP client to leave.
    package var lockTimeout = Duration.zero
    /// Whether owners and modes in a store are taken as they are.
    package var trustsStore = false
    /// How many workers, at least 1.
    package var jobs = 1
    /// What the operation reports its progress to.
    package var progress = WorkProgress()
    /// What takes a warning: something the user should know, though the operation goes on.
    package var warn: @Sendable (SnapError) -> Void = { _ in }

    /// Runs with one worker, waits for no lock and drops warnings, until told otherwise.
    ///
    /// - Parameter calls: The system calls.
    package init(_ calls: SystemCalls) {
        self.calls = calls
    }

    /// The same, with warnings dropped.
    package var withoutWarnings: WorkContext {
        var context = self
        context.warn = { _ in }
        return context
    }

    /// The same, reporting no progress.
    package var withoutProgress: WorkContext {
        var context = self
        context.progress = WorkProgress()
        return context
    }

    /// The same, waiting for no lock.
    package var withoutWaiting: WorkContext {
        var context = self
        context.lockTimeout = .zero
        return context
    }
}
