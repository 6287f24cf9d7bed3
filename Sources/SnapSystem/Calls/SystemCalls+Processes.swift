import CStreamDrain
import Glibc
import SystemPackage

// Calls that start processes and wait for them.
extension SystemCalls {
    /// Starts a process that reads a socket when the caller no longer does (stream_drain.h).
    func startStreamDrain(
        control: Int32, of stream: Int32, milliseconds: Int32
    ) throws(Errno) {
        _ = try value { snap_start_stream_drain(control, stream, milliseconds) }
    }

    /// Starts a program as the leader of a new process group.
    ///
    /// - Parameters:
    ///   - arguments: The program, which is searched for in PATH if it has no slash, and its
    ///     arguments.
    ///   - environment: The variables, each as `NAME=VALUE`.
    ///   - streams: The descriptors that become the program's standard streams.
    /// - Returns: The process.
    func startProgram(
        _ arguments: [String], environment: [String], streams: StandardDescriptors
    ) throws(Errno) -> Int32 {
        try value {
            // posix_spawn(3) returns the error, and does not set errno.
            switch Self.spawn(arguments, environment, streams: streams) {
            case .success(let process): return process
            case .failure(let error):
                errno = error.rawValue
                return -1
            }
        }
    }

    private static func spawn(
        _ arguments: [String], _ environment: [String], streams: StandardDescriptors
    ) -> Result<Int32, Errno> {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
        // `Interruption.install` ignores some signals, which a new program would inherit.
        var signals = sigset_t()
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        if let input = streams.input {
            unsafe posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        } else {
            unsafe posix_spawn_file_actions_addopen(
                &actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        unsafe posix_spawn_file_actions_adddup2(&actions, streams.output, STDOUT_FILENO)
        unsafe posix_spawn_file_actions_adddup2(&actions, streams.errors, STDERR_FILENO)
        var words = unsafe arguments.map { unsafe strdup($0) } + [nil]
        var variables = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer { unsafe (words + variables).forEach { unsafe free($0) } }
        var process = pid_t()
        let status = unsafe posix_spawnp(
            &process, arguments[0], &actions, &attributes, &words, &variables)
        return status == 0 ? .success(process) : .failure(Errno(rawValue: status))
    }

    /// Checks whether a child process has ended.
    ///
    /// - Returns: How it has ended; nil if it still runs.
    func end(of process: Int32) -> ProcessEnd? { end(of: process, options: WNOHANG) }

    /// Waits until a child process has ended.
    ///
    /// - Returns: How it has ended; nil if it is not a child.
    @discardableResult
    func waitForEnd(of process: Int32) -> ProcessEnd? { end(of: process, options: 0) }

    private func end(of process: Int32, options: Int32) -> ProcessEnd? {
        var status: Int32 = 0
        while true {
            let found = unsafe waitpid(process, &status, options)
            if found == process { return ProcessEnd(waitStatus: status) }
            guard found == -1, errno == EINTR else { return nil }
        }
    }
}
