import Glibc
import SystemPackage

/// Waiting for a lock by repeated attempts, so that a signal always ends the wait.
enum LockWait {
    /// Repeats an attempt to acquire a lock until it succeeds or the timeout expires.
    ///
    /// - Parameters:
    ///   - path: The path of the locked file, for messages.
    ///   - timeout: How long to wait for other processes to release their locks.
    ///   - attempt: Acquires the lock, or fails without waiting.
    /// - Throws: `.busy` at the timeout; `.unsupported` if the file system does not support locks;
    ///   `.interrupted` or `.inputOutput`.
    static func run(
        _ path: FilePath, timeout: Duration, attempt: () throws(Errno) -> Void
    ) throws(SnapError) {
        let deadline = ContinuousClock.now + timeout
        while true {
            do { return try attempt() } catch {
                // fcntl_locking(2) can return either error for a lock that is held.
                guard error == .wouldBlock || error == .permissionDenied else {
                    throw failure(error, of: path)
                }
                guard ContinuousClock.now < deadline else {
                    throw SnapError(
                        .busy, "is locked by another snap (waited \(timeout.components.seconds) s)",
                        path: path, hint: "use --wait SECONDS to wait longer")
                }
            }
            usleep(20_000)
            try Interruption.check()
        }
    }

    /// Creates the error for a lock that failed for another reason than that it is held.
    ///
    /// - Parameters:
    ///   - error: The error of the system call.
    ///   - path: The path of the locked file.
    /// - Returns: `.unsupported` if the file system does not support locks; else as the call's.
    static func failure(_ error: Errno, of path: FilePath) -> SnapError {
        guard meansNoLocks(error) else { return SnapError(error, action: "lock", path: path) }
        return SnapError(
            .unsupported, "cannot lock: \(error); the file system does not support locks",
            path: path,
            hint: "keep the store on a file system that supports locks; see FILE SYSTEMS in "
                + "snap(1)")
    }

    /// Whether an error means that locks are not supported: FUSE, 9p, NFS without a lock service.
    private static func meansNoLocks(_ error: Errno) -> Bool {
        [.noFunction, .notSupported, .noLocks, .invalidArgument].contains(error)
    }
}
