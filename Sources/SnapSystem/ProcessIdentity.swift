import Glibc
import SystemPackage

/// A process of this machine: numbers are used again, so its beginning belongs to it.
package struct ProcessIdentity: Codable, Sendable, Equatable {
    /// Its number; 0 if it cannot be seen.
    package let number: Int
    /// When it began, in ticks since the machine did; nil if that cannot be seen.
    package let start: String?

    /// Looks at a process (the 22nd field of proc_pid_stat(5)).
    ///
    /// - Parameters:
    ///   - number: Its number; 0 for one that cannot be seen.
    ///   - calls: The system calls.
    package init(_ number: Int, _ calls: SystemCalls) {
        self.number = number
        let path = FilePath("/proc/\(number)/stat")
        let bytes = try? File(input: path, calls).read(byteCount: 1 << 12, at: 0)
        // The 2nd field is a name in parentheses, with whatever in it.
        let text = String(decoding: bytes ?? [], as: UTF8.self)
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        start = fields.count > 19 ? String(fields[19]) : nil
    }

    /// This process.
    ///
    /// - Parameter calls: The system calls.
    package static func current(_ calls: SystemCalls) -> ProcessIdentity {
        ProcessIdentity(Int(getpid()), calls)
    }

    /// Whether the process is known to exist still.
    ///
    /// - Parameter calls: The system calls.
    package func exists(_ calls: SystemCalls) -> Bool {
        start != nil && ProcessIdentity(number, calls) == self
    }
}
