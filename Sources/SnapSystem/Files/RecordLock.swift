import CLinux
import SystemPackage

/// A lock on an open file for several readers or one writer, held until the value is destroyed.
///
/// An exclusive lock requires a file that is open for writing. A process that can only read the
/// file therefore cannot lock out other readers (fcntl_locking(2), open file description locks).
package struct RecordLock: ~Copyable, Sendable {
    private let file: File

    /// Acquires a shared lock, which other readers can hold at the same time.
    ///
    /// - Parameters:
    ///   - file: The file to lock.
    ///   - timeout: How long to wait for another process to release an exclusive lock.
    /// - Throws: `.busy` at the timeout; `.unsupported` if the file system does not support locks;
    ///   `.interrupted` or `.inputOutput`.
    package init(sharing file: consuming File, timeout: Duration) throws(SnapError) {
        try self.init(file, Int32(snap_lock_read), timeout: timeout)
    }

    /// Acquires an exclusive lock, which excludes all other locks.
    ///
    /// - Parameters:
    ///   - file: The file to lock, open for writing.
    ///   - timeout: How long to wait for other processes to release their locks.
    /// - Throws: The same errors as for a shared lock.
    package init(excluding file: consuming File, timeout: Duration) throws(SnapError) {
        try self.init(file, Int32(snap_lock_write), timeout: timeout)
    }

    private init(
        _ file: consuming File, _ type: Int32, timeout: Duration
    ) throws(SnapError) {
        let descriptor = file.descriptor
        let calls = file.calls
        try LockWait.run(file.path, timeout: timeout) { () throws(Errno) in
            try calls.lockOpenFile(descriptor, type: type)
        }
        self.file = file
    }

    // Closing the file is not enough: a child process that another thread has just started may
    // still have a copy of the descriptor and so keep the lock.
    deinit { try? file.calls.lockOpenFile(file.descriptor, type: Int32(snap_lock_none)) }
}
