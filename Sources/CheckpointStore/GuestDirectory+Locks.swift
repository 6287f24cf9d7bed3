package import SnapSystem
package import WorkPipeline

// A guest has two locks. One writer at a time changes its checkpoints; readers keep the files that
// they read in place. Both are held for the length of a closure.
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
    /// - Throws: `.busy`, `.permission` or `.inputOutput`, and what `body` throws.
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
    ///   - context: How long to wait for the lock.
    ///   - body: What reads the guest's files.
    /// - Throws: `.busy` or `.inputOutput`, and what `body` throws.
    package func withReaderLock<Result: ~Copyable>(
        _ context: WorkContext, _ body: () throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let lock = try FileLock.sharedIfPossible(
            directory.file(Self.readerLockName), timeout: context.lockTimeout, directory.calls)
        return try withExtendedLifetime(lock, body)
    }

    /// Waits for those who read now to finish; the lock is not kept.
    ///
    /// - Parameter context: How long to wait.
    /// - Throws: `.busy`, `.permission` or `.inputOutput`.
    func waitForReaders(_ context: WorkContext) throws(SnapError) {
        let file = try File(makingIfAbsent: directory.file(Self.readerLockName), directory.calls)
        _ = try FileLock(.exclusive, file, timeout: context.lockTimeout)
    }

    private func lockForWriting(timeout: Duration) throws(SnapError) -> FileLock {
        while true {
            try directory.make()
            // The writer makes the readers' lock too, so that it belongs to the store's owner.
            _ = try File(makingIfAbsent: directory.file(Self.readerLockName), directory.calls)
            let file = try File(
                makingIfAbsent: directory.file(Self.writerLockName), directory.calls)
            let inode = try file.status().inode
            let lock = try FileLock(.exclusive, file, timeout: timeout)
            // A failed save may have removed the directory of its new guest meanwhile.
            if try directory.status(of: Self.writerLockName)?.inode == inode { return lock }
        }
    }
}
