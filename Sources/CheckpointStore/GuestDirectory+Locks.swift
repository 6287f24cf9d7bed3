package import SnapSystem
package import WorkPipeline

// A guest has two locks. One writer at a time changes its checkpoints; only a process that may
// write to the store can take that lock. Readers keep the files that they read in place, and block
// no other reader. Both locks are held for the length of a closure.
extension GuestDirectory {
    private static let writerLockName = "writer.lock"
    private static let readerLockName = "reader.lock"
    /// The names of both locks.
    static let lockNames = [writerLockName, readerLockName]

    /// Runs something as the one writer of the guest; makes the directory first.
    ///
    /// - Parameters:
    ///   - context: How long to wait for the lock.
    ///   - body: What changes the guest's checkpoints.
    /// - Throws: `.busy`, `.damaged`, `.permission` or `.inputOutput`, and what `body` throws.
    package func withWriterLock<Result: ~Copyable>(
        _ context: WorkContext, _ body: () throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let lock = try lockForWriting(timeout: context.lockTimeout)
        return try withExtendedLifetime(lock, body)
    }

    /// Runs something while the files that exist now stay; without a lock where there can be
    /// none, in a store that this process may only read.
    ///
    /// - Parameters:
    ///   - context: How long to wait for a writer that looks for readers.
    ///   - body: What reads the guest's files.
    /// - Throws: `.busy` or `.inputOutput`, and what `body` throws.
    package func withReaderLock<Result: ~Copyable>(
        _ context: WorkContext, _ body: () throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let lock = try lockForReading(timeout: context.lockTimeout)
        return try withExtendedLifetime(lock, body)
    }

    /// Waits for those who read now to finish; the lock is not kept.
    ///
    /// - Parameter context: How long to wait.
    /// - Throws: `.busy`, `.permission` or `.inputOutput`.
    func waitForReaders(_ context: WorkContext) throws(SnapError) {
        let file = try File(makingIfAbsent: Self.readerLockName, in: directory)
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
            try directory.make()
            do throws(SnapError) {
                let lock = try LockFile(
                    .exclusive, Self.writerLockName, in: directory, timeout: timeout)
                // The writer makes the readers' lock, so that it belongs to the store's owner.
                _ = try File(makingIfAbsent: Self.readerLockName, in: directory)
                return lock
            } catch let error where error.code == .notFound {
                // A failed save has removed the directory of its new guest meanwhile.
                continue
            }
        }
    }
}
