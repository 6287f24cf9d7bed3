import CLinux
import SystemPackage

/// A lock on an open file that keeps readers and one writer apart, held until its owner ends.
///
/// An exclusive lock needs a file that may be written, so that who may only read cannot keep other
/// readers out (fcntl_locking(2), open file description locks).
package struct RecordLock: ~Copyable, Sendable {
    private let file: File

    /// Takes a lock that other readers may hold at the same time.
    ///
    /// - Parameters:
    ///   - file: The file to lock.
    ///   - timeout: How long to wait for who holds it exclusively.
    /// - Throws: `.busy` if it is still held then; `.unsupported` if the file system has no locks;
    ///   `.interrupted` or `.inputOutput`.
    package init(sharing file: consuming File, timeout: Duration) throws(SnapError) {
        try self.init(file, Int32(snap_lock_read), timeout: timeout)
    }

    /// Takes a lock that nobody else may hold at the same time.
    ///
    /// - Parameters:
    ///   - file: The file to lock, open for writing.
    ///   - timeout: How long to wait for those who hold it.
    /// - Throws: As for a shared lock.
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

    // Closing alone would leave the lock to a child process that another thread has just begun and
    // that still has a copy of the descriptor.
    deinit { try? file.calls.lockOpenFile(file.descriptor, type: Int32(snap_lock_none)) }
}
