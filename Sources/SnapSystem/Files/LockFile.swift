import Glibc
import SystemPackage

/// A flock(2) lock for the processes that write to a directory, on a file that stays there.
///
/// The kernel releases the lock when the process dies. flock(2) requires no write permission, so
/// any process that can open the file could block writers without limit. The file's mode is
/// therefore 0600; a writer that finds another mode sets it to 0600 again. If a process that may
/// not write to the directory holds the lock in the meantime, the file is replaced.
package struct LockFile: ~Copyable, Sendable {
    /// The kinds of lock.
    package enum Mode: Sendable {
        /// Other shared locks may be held at the same time.
        case shared
        /// No other lock may be held at the same time.
        case exclusive
    }

    private let file: File

    private static let ownerOnly: UInt32 = 0o600

    /// Acquires a lock, and creates the lock file if it does not exist.
    ///
    /// - Parameters:
    ///   - mode: Whether the lock is shared or exclusive.
    ///   - name: The lock file's name.
    ///   - directory: The directory that contains the lock file.
    ///   - timeout: How long to wait for other processes to release their locks.
    /// - Throws: `.busy` at the timeout; `.unsupported` if the file system does not support locks;
    ///   `.notFound` if the directory does not exist; `.permission`, `.interrupted` or
    ///   `.inputOutput`.
    ///
    /// The corresponding C function is `flock`.
    package init(
        _ mode: Mode, _ name: String, in directory: Directory, timeout: Duration
    ) throws(SnapError) {
        let operation = (mode == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB
        let deadline = ContinuousClock.now + timeout
        while true {
            // The file is opened for writing, which an exclusive lock on NFS and CIFS requires.
            let file = try File(creatingIfAbsent: name, in: directory)
            do throws(SnapError) {
                let left = max(.zero, deadline - ContinuousClock.now)
                try LockWait.run(file.path, timeout: left) { () throws(Errno) in
                    try file.calls.lock(file.descriptor, operation)
                }
            } catch let error where error.code == .busy {
                if try Self.replaceIfHeldWithoutWriteAccess(name, in: directory) { continue }
                throw error
            }
            let status = try file.status()
            // Another process may have replaced the file, or removed it with a new guest or store
            // whose first save failed.
            guard let named = try directory.status(of: name), named.identity == status.identity
            else {
                continue
            }
            if status.permissions & ~Self.ownerOnly != 0 {
                // FAT and exFAT give all files the same mode and refuse to change it.
                try? file.setPermissions(Self.ownerOnly)
            }
            self.file = file
            return
        }
    }

    /// Replaces a lock file that other users can open, unless a process that may write to the
    /// directory holds the lock.
    ///
    /// - Returns: Whether the name now belongs to another file or to none.
    private static func replaceIfHeldWithoutWriteAccess(
        _ name: String, in directory: Directory
    ) throws(SnapError) -> Bool {
        // On such a file system, the reported owners do not show which users may write.
        if directory.anchor.ownership?.isTrusted ?? false { return false }
        guard let status = try directory.status(of: name) else { return true }
        guard status.permissions & ~ownerOnly != 0,
            !LockHolders.include(userWhoMayWrite: status, directory.calls)
        else { return false }
        // Two processes must not both replace the file. Only the process that creates the claim may
        // replace it, and only while it is still the same file.
        let claim = "\(name).\(status.identity.inode)"
        let isClaimed = try claiming(claim, in: directory) { () throws(SnapError) in
            guard let named = try directory.status(of: name), named.identity == status.identity
            else {
                return
            }
            try directory.replace(name, with: [], isDurable: false)
        }
        return isClaimed
    }

    private static func claiming(
        _ claim: String, in directory: Directory, _ body: () throws(SnapError) -> Void
    ) throws(SnapError) -> Bool {
        do throws(SnapError) {
            _ = try directory.open(claim, O_RDWR | O_CREAT | O_EXCL, action: "create")
        } catch let error where error.errno == .fileExists {
            return false
        }
        defer { try? directory.remove(claim) }
        try body()
        return true
    }

    // Closing the file is not enough: a child process that another thread has just started may
    // still have a copy of the descriptor and so keep the lock.
    deinit { try? file.calls.lock(file.descriptor, LOCK_UN) }
}
