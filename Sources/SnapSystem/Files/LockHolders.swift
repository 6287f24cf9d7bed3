import Glibc
import SystemPackage

/// The processes that hold flock(2) locks, as far as /proc shows them (proc_locks(5)).
enum LockHolders {
    private static let byteCountMax = 1 << 22
    private static let root: UInt32 = 0

    /// Checks whether a process of a file's owner, of root or of this user holds a lock on it.
    ///
    /// - Parameters:
    ///   - file: The status of the file.
    ///   - calls: The system calls.
    /// - Returns: true also if the locks cannot be read.
    static func include(userWhoMayWrite file: FileStatus, _ calls: SystemCalls) -> Bool {
        guard let locks = read("/proc/locks", calls) else { return true }
        return locks.split(separator: "\n").contains { line in
            // `1: FLOCK ADVISORY WRITE PROCESS MAJOR:MINOR:INODE FIRST LAST`. A file with the same
            // inode number on another file system counts too.
            let fields = line.split(separator: " ")
            guard fields.count > 5, fields[1] == "FLOCK", let process = Int(fields[4]),
                fields[5].split(separator: ":").last.flatMap({ UInt64($0) }) == file.identity.inode,
                let user = effectiveUser(of: process, calls)
            else { return false }
            return [file.userID, root, geteuid()].contains(user)
        }
    }

    /// Reads the effective user of a process; returns nil if the process does not exist.
    private static func effectiveUser(of process: Int, _ calls: SystemCalls) -> UInt32? {
        let status = read(FilePath("/proc/\(process)/status"), calls) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("Uid:") }
        let fields = line?.split(whereSeparator: { $0.isWhitespace }) ?? []
        return fields.count > 2 ? UInt32(fields[2]) : nil
    }

    private static func read(_ path: FilePath, _ calls: SystemCalls) -> String? {
        guard let file = try? File(input: path, calls) else { return nil }
        var bytes: [UInt8] = []
        while bytes.count < byteCountMax {
            guard let part = try? file.read(byteCount: 1 << 16, at: bytes.count) else { return nil }
            if part.isEmpty { break }
            bytes += part
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
