package import SnapSystem
import SystemPackage

/// The process that listens at a QMP socket, as far as it is to be seen from here.
package struct QEMUProcess: Codable, Sendable, Equatable {
    /// Its number; 0 if it cannot be seen.
    let number: Int
    /// When it began, in ticks since the machine did: numbers are used again.
    let start: String?

    /// What may be read of a file in /proc, in bytes.
    private static let byteCountMax = 1 << 24

    init(_ number: Int, _ calls: SystemCalls) {
        self.number = number
        // proc_pid_stat(5): the 22nd field; the 2nd is a name in parentheses, with whatever in it.
        let stat = (try? Self.read(number, "stat", calls)) ?? ""
        let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
        start = fields.count > 19 ? String(fields[19]) : nil
    }

    /// The directory in which its relative paths begin; nil if it cannot be seen.
    var workingDirectory: FilePath? {
        number > 0 ? FilePath("/proc/\(number)/cwd") : nil
    }

    /// Whether the process has a file in its memory: its path may be that of another file by now.
    ///
    /// - Parameters:
    ///   - inode: The file's number in its file system.
    ///   - calls: The seam.
    /// - Returns: nil if that cannot be seen (proc_pid_maps(5)), or the process is none of QEMU's
    ///   but one that stands between, by its name.
    package func maps(inode: UInt64, _ calls: SystemCalls) -> Bool? {
        guard number > 0, let name = try? Self.read(number, "comm", calls),
            name.contains("qemu") || name.contains("kvm"),
            let maps = try? Self.read(number, "maps", calls), !maps.isEmpty
        else { return nil }
        return maps.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ", maxSplits: 5)
            return fields.count > 4 && UInt64(fields[4]) == inode
        }
    }

    private static func read(
        _ process: Int, _ name: String, _ calls: SystemCalls
    ) throws(SnapError) -> String {
        let file = try File(reading: FilePath("/proc/\(process)/\(name)"), calls)
        var bytes: [UInt8] = []
        while case let part = try file.read(byteCount: 1 << 16, at: bytes.count), !part.isEmpty {
            bytes += part
            if bytes.count > byteCountMax { break }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
