import FoundationEssentials
import Glibc
import SystemPackage

/// A command that a user gives as text, and that a shell executes.
package struct ShellCommand: Sendable {
    /// The text for `sh -c`.
    package let text: String
    /// Variables that are added to the environment of this process.
    package var variables: [String: String]
    /// How long the command may take.
    package let timeout: Duration

    /// The time that a command has after SIGTERM, before it is killed.
    private static let terminationTimeout = Duration.seconds(1)

    /// Creates a command; the parameters are the properties of these names.
    package init(_ text: String, variables: [String: String] = [:], timeout: Duration) {
        self.text = text
        self.variables = variables
        self.timeout = timeout
    }

    /// Runs the command and waits for its end.
    ///
    /// The command has its own process group and no input. Its output goes to standard error. If it
    /// takes too long, or if a signal asks this process to end, all processes of the group are
    /// terminated.
    ///
    /// - Parameter calls: The system calls.
    /// - Throws: `.inputOutput` if the command cannot be started, takes too long, or does not end
    ///   with status 0; `.interrupted`.
    ///
    /// The corresponding C functions are `posix_spawn` and `waitpid`.
    package func run(_ calls: SystemCalls) throws(SnapError) {
        let environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
        let process: Int32
        do {
            process = try calls.startProgram(
                ["/bin/sh", "-c", text], environment: environment.map { "\($0)=\($1)" },
                streams: StandardDescriptors(output: STDERR_FILENO, errors: STDERR_FILENO))
        } catch { throw SnapError(error, action: "start a shell", path: "/bin/sh") }
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline, !Interruption.isRequested {
            if let end = calls.end(of: process) { return try check(end) }
            usleep(1000)
        }
        terminate(process, calls)
        try Interruption.check()
        throw SnapError(
            .inputOutput, "command \"\(text)\" did not end within \(timeout), and was terminated")
    }

    private func check(_ end: ProcessEnd) throws(SnapError) {
        switch end {
        case .exited(0): return
        case .exited(let status):
            throw SnapError(
                .inputOutput, "command \"\(text)\" ended with status \(status), expected 0")
        case .signaled(let number):
            throw SnapError(.inputOutput, "signal \(number) terminated command \"\(text)\"")
        }
    }

    private func terminate(_ process: Int32, _ calls: SystemCalls) {
        kill(-process, SIGTERM)
        let deadline = ContinuousClock.now + Self.terminationTimeout
        var hasEnded = false
        // The shell may end before its children.
        while !hasEnded || kill(-process, 0) == 0, ContinuousClock.now < deadline {
            usleep(1000)
            hasEnded = hasEnded || calls.end(of: process) != nil
        }
        kill(-process, SIGKILL)
        if !hasEnded { calls.waitForEnd(of: process) }
    }
}
