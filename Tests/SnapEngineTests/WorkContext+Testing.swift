import GuestMemory
import SnapSystem
import Synchronization
import Testing
import WorkPipeline

extension WorkContext {
    /// Creates a context for an operation in a test; by default, a warning fails the test.
    ///
    /// The operation waits for locks: a child process that another test starts inherits this
    /// process's descriptors, and with them its locks, until it executes its program.
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

/// A collector of an operation's warnings, for a test that expects some.
final class Warnings: Sendable {
    private let errors = Mutex<[SnapError]>([])

    var all: [SnapError] { errors.withLock(\.self) }

    @Sendable func take(_ error: SnapError) { errors.withLock { $0.append(error) } }
}

extension SnapError {
    /// Whether it says that a rebuilt index has no records of verifications.
    var isLossOfRecords: Bool { hint?.contains("snap verify to verify all") ?? false }
}

extension CheckpointSpecifier {
    /// Creates a specifier from a guest and a number.
    static func number(_ guest: GuestName, _ number: Int) -> CheckpointSpecifier {
        .name(CheckpointName(guest: guest, number: number))
    }
}
