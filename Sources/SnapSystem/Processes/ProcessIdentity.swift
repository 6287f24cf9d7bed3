import Glibc
import SystemPackage

/// A process of this machine: its number, and its start time because the kernel reuses numbers.
package struct ProcessIdentity: Codable, Sendable, Equatable {
    /// The process's number; 0 if the process is not visible, as in another PID namespace.
    package let number: Int
    /// The start time in clock ticks since the machine booted; nil if it cannot be read.
    package let start: String?

    /// Creates the identity of a process by reading its start time from /proc.
    ///
    /// The start time is the 22nd field of proc_pid_stat(5).
    ///
    /// - Parameters:
    ///   - number: The process's number; 0 for a process that is not visible.
    ///   - calls: The system calls.
    package init(_ number: Int, _ calls: SystemCalls) {
        self.number = number
        let path = FilePath("/proc/\(number)/stat")
        let bytes = try? File(input: path, calls).read(byteCount: 1 << 12, at: 0)
        // The 2nd field is a name in parentheses, which can itself contain spaces and parentheses.
        let text = String(decoding: bytes ?? [], as: UTF8.self)
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        start = fields.count > 19 ? String(fields[19]) : nil
    }

    /// Identifies the calling process.
    ///
    /// - Parameter calls: The system calls.
    /// - Returns: The identity of the calling process.
    package static func current(_ calls: SystemCalls) -> ProcessIdentity {
        ProcessIdentity(Int(getpid()), calls)
    }

    /// Checks whether the process still exists.
    ///
    /// - Parameter calls: The system calls.
    /// - Returns: true if a process with this number and start time exists; false also if the start
    ///   time is not known.
    package func exists(_ calls: SystemCalls) -> Bool {
        start != nil && ProcessIdentity(number, calls) == self
    }
}
