import Foundation
import SystemPackage

/// The directory that holds all scratch directories of this process, in memory where possible.
///
/// The process locks it (flock(2)) and deletes it on exit, whether or not a test has failed. A
/// process that is killed leaves its directory without a lock; the next process deletes it.
enum ScratchRoot {
    /// The path of the directory, which the first use creates.
    static let path: FilePath = make()

    private static let prefix = "snap-tests."

    private static func make() -> FilePath {
        let memory = "/dev/shm"
        let base =
            FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
        // The lock on the base keeps another process from deleting a directory before it is locked.
        let baseLock = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        flock(baseLock, LOCK_EX)
        defer { close(baseLock) }
        removeDirectoriesOfDeadProcesses(in: base)
        var name = Array("\(base)/\(prefix)XXXXXX".utf8CString)
        guard let made = mkdtemp(&name) else { fatalError("mkdtemp in \(base): \(errno)") }
        let path = String(cString: made)
        // Some tests run the command as another user, who needs access to the directory.
        chmod(path, 0o755)
        // The descriptor stays open, and the lock held, until the process ends.
        guard lock(path) != nil else { fatalError("flock of \(path): \(errno)") }
        atexit { ScratchRoot.remove(ScratchRoot.path.string) }
        return FilePath(path)
    }

    private static func removeDirectoriesOfDeadProcesses(in base: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        for name in names where name.hasPrefix(prefix) {
            let path = "\(base)/\(name)"
            var status = stat()
            guard lstat(path, &status) == 0, status.st_uid == geteuid(),
                let descriptor = lock(path)
            else { continue }
            remove(path)
            close(descriptor)
        }
    }

    /// Locks a directory.
    ///
    /// - Returns: The descriptor that holds the lock; nil if another process holds it.
    private static func lock(_ path: String) -> Int32? {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
        if descriptor >= 0 { close(descriptor) }
        return nil
    }

    /// Deletes a directory, after unmounting the file systems that a killed test has left in it.
    private static func remove(_ path: String) {
        let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        for line in mounts.split(separator: "\n").reversed() {
            let fields = line.split(separator: " ")
            if fields.count > 1, fields[1].hasPrefix(path + "/") {
                umount2(String(fields[1]), Int32(MNT_DETACH))
            }
        }
        try? FileManager.default.removeItem(atPath: path)
    }
}
