import CSQLite
import GRDB
import GuestMemory
import SnapSystem
import Synchronization

/// A limit that stops an SQLite statement that runs too long or that the user has interrupted.
///
/// The limit depends on the database's length in bytes, because pages of a damaged database that
/// refer to each other can contain more rows than the database has bytes.
final class Watchdog: Sendable {
    /// The number of steps of a statement after which SQLite asks whether to continue.
    private static let stepsBetweenChecks: Int32 = 1000
    /// The number of steps that a statement may take in a database of any length.
    private static let stepCountMin = 4_000_000
    /// The number of steps allowed per byte: a row has more than 20 bytes and takes fewer than 100
    /// steps to read.
    private static let stepsPerByte = 16

    /// The number of steps of a writing transaction that a signal cannot interrupt, which is more
    /// than the rows of a checkpoint take.
    private static let stepCountOfWrites = 1_000_000

    private let stepsLeft = Atomic<Int>(0)
    private let isWriting = Atomic<Bool>(false)

    /// Watches a connection, which must not outlive the watchdog.
    func watch(_ database: Database) {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe sqlite3_progress_handler(
            database.sqliteConnection, Self.stepsBetweenChecks,
            { context in
                guard let context = unsafe context else { return 0 }
                let watchdog = unsafe Unmanaged<Watchdog>.fromOpaque(context)
                    .takeUnretainedValue()
                return watchdog.mayContinue() ? 0 : 1
            }, context)
    }

    /// Sets the limit for a reading transaction.
    ///
    /// - Parameter byteCount: The database's length in bytes.
    func begin(reading byteCount: Int) {
        let stepCountMax = max(
            Self.stepCountMin, byteCount.multipliedClamped(by: Self.stepsPerByte))
        stepsLeft.store(stepCountMax, ordering: .relaxed)
        isWriting.store(false, ordering: .relaxed)
    }

    /// Removes the limit for a writing transaction, which only a signal stops.
    func beginWriting() {
        stepsLeft.store(Self.stepCountOfWrites, ordering: .relaxed)
        isWriting.store(true, ordering: .relaxed)
    }

    private func mayContinue() -> Bool {
        let left = stepsLeft.subtract(Int(Self.stepsBetweenChecks), ordering: .relaxed).newValue
        if isWriting.load(ordering: .relaxed) { return left > 0 || !Interruption.isRequested }
        return left > 0 && !Interruption.isRequested
    }
}
