package import SnapSystem
import SystemPackage

// What can be seen from here of the process that listens at a QMP socket.
extension ProcessIdentity {
    /// What may be read of a file in /proc, in bytes.
    private static let byteCountMax = 1 << 24

    /// Checks that processes can be looked at.
    ///
    /// - Parameter calls: The system calls.
    /// - Throws: `.permission` where no /proc is mounted.
    package static func checkVisibility(_ calls: SystemCalls) throws(SnapError) {
        guard try FileStatus(of: "/proc/self", calls) == nil else { return }
        throw SnapError(
            .permission, "is not mounted: nothing shows which files QEMU has in memory",
            path: "/proc")
    }

    /// The directory in which its relative paths begin; nil if it cannot be seen.
    var workingDirectory: FilePath? {
        number > 0 ? FilePath("/proc/\(number)/cwd") : nil
    }

    /// Whether the process has a file in its memory: its path may be that of another file by now.
    ///
    /// - Parameters:
    ///   - inode: The file's number in its file system.
    ///   - calls: The system calls.
    /// - Returns: nil if that cannot be seen (proc_pid_maps(5)), or the process does not look like
    ///   QEMU: it may be one that passes the connection on.
    package func maps(inode: UInt64, _ calls: SystemCalls) -> Bool? {
        guard number > 0, let maps = try? Self.read("maps", of: number, calls), !maps.isEmpty else {
            return nil
        }
        let isMapped = maps.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ", maxSplits: 5)
            return fields.count > 4 && UInt64(fields[4]) == inode
        }
        return isMapped || looksLikeQEMU(calls) ? isMapped : nil
    }

    /// Whether the program, or the name that its process has (QEMU's `-name process=`), is one of
    /// QEMU's.
    private func looksLikeQEMU(_ calls: SystemCalls) -> Bool {
        let directory = Directory(FilePath("/proc/\(number)"), calls)
        let program = (try? directory.target(ofLink: "exe")) ?? ""
        let names = [
            FilePath(program).lastComponent?.string ?? "",
            (try? Self.read("comm", of: number, calls)) ?? "",
        ]
        return names.contains { $0.contains("qemu") || $0.contains("kvm") }
    }

    private static func read(
        _ name: String, of process: Int, _ calls: SystemCalls
    ) throws(SnapError) -> String {
        let file = try File(input: FilePath("/proc/\(process)/\(name)"), calls)
        var bytes: [UInt8] = []
        while case let part = try file.read(byteCount: 1 << 16, at: bytes.count), !part.isEmpty {
            bytes += part
            if bytes.count > byteCountMax { break }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
