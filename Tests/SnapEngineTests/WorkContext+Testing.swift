import GuestMemory
import SnapSystem
import Synchronization
import Testing
import WorkPipeline

extension WorkContext {
    /// How a test runs an operation; a warning is a failure unless it is expected.
    ///
    /// Locks are waited for: what another test starts has this process's descriptors, and so its
    /// locks, until it executes its program.
    static func testing(
        _ calls: SystemCalls = .kernel, lockTimeout: Duration = .seconds(5), jobs: Int = 1,
        progress: WorkProgress = WorkProgress(),
        warn: @escaping @Sendable (SnapError) -> Void = { Issue.record("warned: \($0)") }
    ) -> WorkContext {
        var context = WorkContext(calls)
        context.lockTimeout = lockTimeout
        context.jobs = jobs
        context.progress = progress
        context.warn = warn
        return context
    }
}

/// The warnings of an operation, for a test that expects some.
final class Warnings: Sendable {
    private let errors = Mutex<[SnapError]>([])

    var all: [SnapError] { errors.withLock(\.self) }

    @Sendable func take(_ error: SnapError) { errors.withLock { $0.append(error) } }
}

extension CheckpointSpecifier {
    /// A checkpoint by guest and number.
    static func number(_ guest: GuestName, _ number: Int) -> CheckpointSpecifier {
        .name(CheckpointName(guest: guest, number: number))
    }
}
