package import SnapSystem
package import WorkPipeline

// A guest has two locks, each held for the duration of a closure. The writer lock lets one process
// at a time change the guest's checkpoints; only a process with write permission in the store can
// take it. The reader lock keeps the files that a reader uses in place. It does not block other
// readers.
extension GuestDirectory {
    private static let writerLockName = "writer.lock"
    private static let readerLockName = "reader.lock"
    /// The file names of both locks, in the guest's directory.
    static let lockNames = [writerLockName, readerLockName]

    /// Runs a closure as the guest's only writer.
    ///
    /// Creates the guest's directory if it does not exist.
    ///
    /// - Parameters:
    ///   - context: Supplies the lock timeout.
    ///   - body: Changes the guest's checkpoints while the lock is held.
    /// - Returns: The result of `body`.
    /// - Throws: `.busy` if another process holds the lock at the timeout; `.damaged`,
    ///   `.permission` or `.inputOutput`; and the errors of `body`.
    package func withWriterLock<Result: ~Copyable>(
        _ context: WorkContext, _ body: () throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let lock = try lockForWriting(timeout: context.lockTimeout)
        return try withExtendedLifetime(lock, body)
    }

    /// Runs a closure while no writer can delete the guest's current files.
    ///
    /// Takes no lock if the lock file does not exist: a reader may have no permission to create it.
    ///
    /// - Parameters:
    ///   - context: Supplies the lock timeout. A writer excludes readers only for a moment, to
    ///     check that none is left.
    ///   - body: Reads the guest's files while the lock is held.
    /// - Returns: The result of `body`.
    /// - Throws: `.busy` if a writer holds the lock at the timeout; `.permission` or
    ///   `.inputOutput`; and the errors of `body`.
    package func withReaderLock<Result: ~Copyable>(
        _ context: WorkContext, _ body: () throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let lock = try lockForReading(timeout: context.lockTimeout)
        return try withExtendedLifetime(lock, body)
    }

    /// Waits until all current readers have finished.
    ///
    /// The lock that shows this is released immediately, so new readers can start afterwards.
    ///
    /// - Parameter context: Supplies the lock timeout.
    /// - Throws: `.busy` if a reader has not finished at the timeout; `.permission` or
    ///   `.inputOutput`.
    func waitForReaders(_ context: WorkContext) throws(SnapError) {
        let file = try File(creatingIfAbsent: Self.readerLockName, in: directory)
        _ = try RecordLock(excluding: file, timeout: context.lockTimeout)
    }

    private func lockForReading(timeout: Duration) throws(SnapError) -> RecordLock? {
        let file: File
        do throws(SnapError) {
            file = try File(reading: Self.readerLockName, in: directory)
        } catch let error where error.code == .notFound {
            return nil
        }
        return try RecordLock(sharing: file, timeout: timeout)
    }

    private func lockForWriting(timeout: Duration) throws(SnapError) -> LockFile {
        while true {
            try directory.create()
            do throws(SnapError) {
                let lock = try LockFile(
                    .exclusive, Self.writerLockName, in: directory, timeout: timeout)
                // The writer creates the readers' lock file so that the store's owner owns it.
                _ = try File(creatingIfAbsent: Self.readerLockName, in: directory)
                return lock
            } catch let error where error.code == .notFound {
                // In the meantime a failed first save has deleted the directory of its guest.
                continue
            }
        }
    }
}
