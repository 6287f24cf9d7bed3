/// How a process has ended (wait(2)).
enum ProcessEnd: Equatable {
    /// The process has exited with this status.
    case exited(Int32)
    /// This signal has terminated the process.
    case signaled(Int32)

    /// Decodes the status that waitpid(2) reports: WEXITSTATUS and WTERMSIG, which Swift does not
    /// import.
    init(waitStatus status: Int32) {
        let signal = status & 0x7f
        self = signal == 0 ? .exited(status >> 8 & 0xff) : .signaled(signal)
    }
}
