package import SnapSystem
package import WorkPipeline

// A guest has a writer lock, and pins. The writer lock lets one process at a time change the
// guest's checkpoints; only a process with write permission in the store can hold it. A reader pins
// the checkpoints that it reads: their pages stay until it has finished, even if the checkpoints
// are deleted in the meantime. No writer waits for a reader. A pin is a shared lock on the byte of
// `reader.lock` whose offset is the checkpoint's number.
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

    /// Runs a closure while the pages of checkpoints are pinned.
    ///
    /// The closure must look for the checkpoints' files again, because a checkpoint can be deleted
    /// before it is pinned. Pins nothing if the lock file does not exist: a reader may have no
    /// permission to create it.
    ///
    /// - Parameters:
    ///   - numbers: The numbers of the checkpoints, as ascending runs.
    ///   - context: Supplies the lock timeout; only another program can hold a lock that matters.
    ///   - body: Reads the guest's files while the checkpoints are pinned.
    /// - Returns: The result of `body`.
    /// - Throws: `.busy` if another program holds an exclusive lock at the timeout; `.permission`
    ///   or `.inputOutput`; and the errors of `body`.
    package func withPins<Result: ~Copyable>(
        on numbers: [Range<Int>], _ context: WorkContext,
        _ body: () throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let pins = try pin(numbers, timeout: context.lockTimeout)
        return try withExtendedLifetime(pins, body)
    }

    /// Finds the checkpoints that readers have pinned.
    ///
    /// - Parameter numbers: The numbers of the checkpoints to examine.
    /// - Returns: Those of `numbers` that a reader reads now.
    /// - Throws: `.permission` or `.inputOutput`.
    func pinned(among numbers: Set<Int>) throws(SnapError) -> Set<Int> {
        guard let first = numbers.min(), let last = numbers.max() else { return [] }
        let file: File
        do throws(SnapError) {
            file = try File(reading: Self.readerLockName, in: directory)
        } catch let error where error.code == .notFound {
            return []
        }
        let locked = try RecordLock.lockedBytes(first..<last + 1, of: file)
        return numbers.filter { number in locked.contains { $0.contains(number) } }
    }

    private func pin(
        _ numbers: [Range<Int>], timeout: Duration
    ) throws(SnapError) -> RecordLock? {
        let file: File
        do throws(SnapError) {
            file = try File(reading: Self.readerLockName, in: directory)
        } catch let error where error.code == .notFound {
            return nil
        }
        return try RecordLock(sharing: numbers, of: file, timeout: timeout)
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
