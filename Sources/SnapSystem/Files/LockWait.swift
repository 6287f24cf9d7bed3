import Glibc
import SystemPackage

/// Waits for a lock by trying again and again, so that a signal always ends the wait.
enum LockWait {
    /// Tries until a lock is held.
    ///
    /// - Parameters:
    ///   - path: The file that is locked, for messages.
    ///   - timeout: How long to wait for those who hold it.
    ///   - attempt: Takes the lock, or fails.
    /// - Throws: `.busy` if it is still held then; `.unsupported` if the file system has no locks;
    ///   `.interrupted` or `.inputOutput`.
    static func run(
        _ path: FilePath, timeout: Duration, attempt: () throws(Errno) -> Void
    ) throws(SnapError) {
        let deadline = ContinuousClock.now + timeout
        while true {
            do { return try attempt() } catch {
                if meansNoLocks(error) {
                    throw SnapError(
                        .unsupported, "cannot lock: \(error); the file system has no locks",
                        path: path,
                        hint: "keep the store on a file system with locks; see FILE SYSTEMS in "
                            + "snap(1)")
                }
                // fcntl_locking(2) may say either.
                guard error == .wouldBlock || error == .permissionDenied else {
                    throw SnapError(error, action: "lock", path: path)
                }
                guard ContinuousClock.now < deadline else {
                    throw SnapError(
                        .busy, "locked by another snap, waited \(timeout.components.seconds) s",
                        path: path, hint: "--wait SECONDS waits for it to finish")
                }
            }
            usleep(20_000)
            try Interruption.check()
        }
    }

    /// Whether an error says that there are no locks here: FUSE, 9p, NFS without a lock service.
    private static func meansNoLocks(_ error: Errno) -> Bool {
        [.noFunction, .notSupported, .noLocks, .invalidArgument].contains(error)
    }
}
