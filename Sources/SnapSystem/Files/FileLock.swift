import Glibc
import SystemPackage

/// A flock(2) lock, held until its owner ends; the kernel drops it when the process dies.
package struct FileLock: ~Copyable, Sendable {
    /// How much a lock keeps others out.
    package enum Mode: Sendable {
        /// Other shared locks may be held at the same time.
        case shared
        /// No other lock may be held at the same time.
        case exclusive
    }

    private let file: File

    /// Takes a lock.
    ///
    /// - Parameters:
    ///   - mode: Shared or exclusive.
    ///   - file: The file to lock. It is removed only with a new guest or store whose first save
    ///     failed.
    ///   - timeout: How long to wait for those who hold it.
    /// - Throws: `.busy` if it is still held then; `.unsupported` if the file system has no locks;
    ///   `.interrupted` or `.inputOutput`.
    ///
    /// The corresponding C function is `flock`, polled, so that a signal always ends the wait.
    package init(
        _ mode: Mode, _ file: consuming File, timeout: Duration
    ) throws(SnapError) {
        let operation = (mode == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB
        let deadline = ContinuousClock.now + timeout
        while true {
            do {
                try file.calls.lock(file.descriptor, operation)
                break
            } catch {
                if Self.meansNoLocks(error) {
                    throw SnapError(
                        .unsupported, "cannot lock: \(error); the file system has no flock(2)",
                        path: file.path,
                        hint: "keep the store on a file system with locks; see FILE SYSTEMS in "
                            + "snap(1)")
                }
                guard error == .wouldBlock else {
                    throw SnapError(error, action: "lock", path: file.path)
                }
                guard ContinuousClock.now < deadline else {
                    throw SnapError(
                        .busy, "locked by another snap, waited \(timeout.components.seconds) s",
                        path: file.path, hint: "--wait SECONDS waits for it to finish")
                }
            }
            usleep(20_000)
            try Interruption.check()
        }
        self.file = file
    }

    /// Whether an error says that there is no flock(2) here: FUSE, 9p, NFS without a lock service.
    private static func meansNoLocks(_ error: Errno) -> Bool {
        [.noFunction, .notSupported, .noLocks, .invalidArgument].contains(error)
    }

    // Closing alone would leave the lock to a child process that another thread has just begun and
    // that still has a copy of the descriptor.
    deinit { try? file.calls.lock(file.descriptor, LOCK_UN) }
}
