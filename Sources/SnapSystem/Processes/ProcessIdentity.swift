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

    /// A process that is not visible.
    package static let invisible = ProcessIdentity(number: 0, start: nil)

    private init(number: Int, start: String?) {
        self.number = number
        self.start = start
    }

    /// Identifies the process of a thread.
    ///
    /// - Parameters:
    ///   - thread: The thread's number.
    ///   - calls: The system calls.
    /// - Returns: The process; nil if there is no such thread, or if it is not visible.
    /// - Throws: `.permission` or `.inputOutput`.
    package init?(ofThread thread: Int, _ calls: SystemCalls) throws(SnapError) {
        // The line is "Tgid:" and the number (proc_pid_status(5)).
        guard let number = try Self.status(of: thread, "Tgid:", calls) else { return nil }
        self.init(number, calls)
    }

    /// Reads the effective user of the process.
    ///
    /// - Parameter calls: The system calls.
    /// - Returns: The user's number; nil if the process is not visible.
    /// - Throws: `.permission` or `.inputOutput`.
    package func userID(_ calls: SystemCalls) throws(SnapError) -> UInt32? {
        // The real user precedes the effective one.
        try Self.status(of: number, "Uid:", at: 1, calls).flatMap(UInt32.init(exactly:))
    }

    /// Reads the arguments with which the process was started.
    ///
    /// - Parameter calls: The system calls.
    /// - Returns: The arguments; none if the process is not visible.
    /// - Throws: `.permission` or `.inputOutput`.
    package func arguments(_ calls: SystemCalls) throws(SnapError) -> [String] {
        let path = FilePath("/proc/\(number)/cmdline")
        guard number > 0, try FileStatus(of: path, calls) != nil else { return [] }
        let bytes = try File(input: path, calls).read(byteCount: 1 << 20, at: 0)
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func status(
        of number: Int, _ name: String, at index: Int = 0, _ calls: SystemCalls
    ) throws(SnapError) -> Int? {
        let path = FilePath("/proc/\(number)/status")
        guard number > 0, try FileStatus(of: path, calls) != nil else { return nil }
        let bytes = try File(input: path, calls).read(byteCount: 1 << 12, at: 0)
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        where line.hasPrefix(name) {
            let fields = line.dropFirst(name.count).split { $0 == "\t" || $0 == " " }
            return index < fields.count ? Int(fields[index]) : nil
        }
        return nil
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
