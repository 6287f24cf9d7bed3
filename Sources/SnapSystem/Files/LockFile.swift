import Glibc
import SystemPackage

/// A lock of those who may write in a directory, on a file that stays there; the kernel drops it
/// when its process dies.
///
/// flock(2) asks for no right to write: any process that may open the file could block writers
/// without limit. So the file's mode is 0600, and is set back to that if it has been widened. If a
/// process that may not write here holds the lock meanwhile, the file is replaced.
package struct LockFile: ~Copyable, Sendable {
    /// How much a lock keeps others out.
    package enum Mode: Sendable {
        /// Other shared locks may be held at the same time.
        case shared
        /// No other lock may be held at the same time.
        case exclusive
    }

    private let file: File

    private static let ownerOnly: UInt32 = 0o600

    /// Takes a lock; makes the file if need be.
    ///
    /// - Parameters:
    ///   - mode: Shared or exclusive.
    ///   - name: The lock file's name.
    ///   - directory: The directory that holds it.
    ///   - timeout: How long to wait for those who hold it.
    /// - Throws: `.busy` if it is still held then; `.unsupported` if the file system has no locks;
    ///   `.notFound` if there is no such directory; `.permission`, `.interrupted` or
    ///   `.inputOutput`.
    ///
    /// The corresponding C function is `flock`.
    package init(
        _ mode: Mode, _ name: String, in directory: Directory, timeout: Duration
    ) throws(SnapError) {
        let operation = (mode == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB
        let deadline = ContinuousClock.now + timeout
        while true {
            // The lock needs a descriptor that may be written where it is the server's: NFS, CIFS.
            let file = try File(makingIfAbsent: name, in: directory)
            do throws(SnapError) {
                let left = max(.zero, deadline - ContinuousClock.now)
                try LockWait.run(file.path, timeout: left) { () throws(Errno) in
                    try file.calls.lock(file.descriptor, operation)
                }
            } catch let error where error.code == .busy {
                if try Self.replaceIfHeldByStranger(name, in: directory) { continue }
                throw error
            }
            let status = try file.status()
            // It may have been removed with a new guest or store whose first save failed, or
            // replaced.
            guard let named = try directory.status(of: name), named.identity == status.identity
            else {
                continue
            }
            if status.permissions & ~Self.ownerOnly != 0 {
                // FAT and its like have one mode for all files, and refuse another.
                try? file.setPermissions(Self.ownerOnly)
            }
            self.file = file
            return
        }
    }

    /// Puts a new file in the place of one that others can open, and that none of those holds who
    /// may write here.
    ///
    /// - Returns: Whether the name stands for another file now.
    private static func replaceIfHeldByStranger(
        _ name: String, in directory: Directory
    ) throws(SnapError) -> Bool {
        // The owners that such a file system shows do not tell who may write.
        if directory.anchor.ownership?.isTrusted ?? false { return false }
        guard let status = try directory.status(of: name) else { return true }
        guard status.permissions & ~ownerOnly != 0,
            !LockHolders.include(userWhoMayWrite: status, directory.calls)
        else { return false }
        // Two processes must not replace it one after the other: only the one that makes this name
        // may, and only while the file is still the same.
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
            _ = try directory.open(claim, O_RDWR | O_CREAT | O_EXCL, action: "make")
        } catch let error where error.errno == .fileExists {
            return false
        }
        defer { try? directory.remove(claim) }
        try body()
        return true
    }

    // Closing alone would leave the lock to a child process that another thread has just begun and
    // that still has a copy of the descriptor.
    deinit { try? file.calls.lock(file.descriptor, LOCK_UN) }
}
