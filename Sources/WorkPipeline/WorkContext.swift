package import SnapSystem

/// The settings with which any operation runs; the command creates them and passes them down.
package struct WorkContext: Sendable {
    /// The system calls that files, locks and sockets use.
    package var calls: SystemCalls
    /// How long to wait for each lock, and for another QMP client to disconnect.
    package var lockTimeout = Duration.zero
    /// Whether to skip the checks of owners and modes in a store.
    package var trustsStore = false
    /// The number of workers, at least 1.
    package var jobs = 1
    /// The object to which the operation reports its progress.
    package var progress = WorkProgress()
    /// Receives each warning: a problem that does not stop the operation.
    package var warn: @Sendable (SnapError) -> Void = { _ in }

    /// Creates a context with one worker that waits for no lock and drops warnings.
    ///
    /// - Parameter calls: The system calls that files, locks and sockets use.
    package init(_ calls: SystemCalls) {
        self.calls = calls
    }

    /// A copy that drops warnings.
    package var withoutWarnings: WorkContext {
        var context = self
        context.warn = { _ in }
        return context
    }

    /// A copy that reports no progress.
    package var withoutProgress: WorkContext {
        var context = self
        context.progress = WorkProgress()
        return context
    }

    /// A copy that waits for no lock.
    package var withoutWaiting: WorkContext {
        var context = self
        context.lockTimeout = .zero
        return context
    }
}
