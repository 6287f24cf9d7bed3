import CSQLite
import GRDB
import GuestMemory
import SnapSystem
import Synchronization

/// Ends a statement of SQLite that runs for longer than the database's bytes justify, or that the
/// user no longer waits for.
///
/// Pages of a database that refer to one another can hold more rows than bytes.
final class Watchdog: Sendable {
    /// After how many steps of a statement SQLite asks whether to go on.
    private static let stepsBetweenLooks: Int32 = 1000
    private static let stepCountMin = 4_000_000
    /// A row has more than 20 bytes and is read in fewer than 100 steps.
    private static let stepsPerByte = 16

    /// How many steps a transaction that writes may take after a signal has come: the rows of a
    /// committed checkpoint take fewer.
    private static let stepCountOfWrites = 1_000_000

    private let stepsLeft = Atomic<Int>(0)
    private let isWriting = Atomic<Bool>(false)

    /// Watches a connection for as long as both exist.
    func watch(_ database: Database) {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe sqlite3_progress_handler(
            database.sqliteConnection, Self.stepsBetweenLooks,
            { context in
                guard let context = unsafe context else { return 0 }
                let watchdog = unsafe Unmanaged<Watchdog>.fromOpaque(context)
                    .takeUnretainedValue()
                return watchdog.allowsMore() ? 0 : 1
            }, context)
    }

    /// Begins to read.
    ///
    /// - Parameter byteCount: The database's length in bytes.
    func begin(reading byteCount: Int) {
        let stepCountMax = max(
            Self.stepCountMin, byteCount.multipliedClamped(by: Self.stepsPerByte))
        stepsLeft.store(stepCountMax, ordering: .relaxed)
        isWriting.store(false, ordering: .relaxed)
    }

    /// Begins to write: what is written is as long as it is, and only a signal ends it.
    func beginWriting() {
        stepsLeft.store(Self.stepCountOfWrites, ordering: .relaxed)
        isWriting.store(true, ordering: .relaxed)
    }

    private func allowsMore() -> Bool {
        let left = stepsLeft.subtract(Int(Self.stepsBetweenLooks), ordering: .relaxed).newValue
        if isWriting.load(ordering: .relaxed) { return left > 0 || !Interruption.isRequested }
        return left > 0 && !Interruption.isRequested
    }
}
