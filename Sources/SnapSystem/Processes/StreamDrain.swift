import Glibc
import Synchronization
import SystemPackage

/// A process that reads a stream to its end if this process does not.
///
/// A writer that must neither wait nor fail needs a reader that outlives this process, which may be
/// killed, stopped, or blocked by a disk. The other process discards what it reads, and ends with
/// the stream.
package final class StreamDrain: Sendable {
    private let calls: SystemCalls
    private let process: Int32
    /// The pipe through which this process reports that it reads; nil after `finish`.
    private let heartbeat: Mutex<SharedFile?>
    private let lastBeat = Mutex(ContinuousClock.now)
    private let timeout: Duration
    private let hasBeenOverdue = Atomic(false)

    /// The time between two reports to the process.
    private static let beatInterval = Duration.milliseconds(50)

    /// Starts the process.
    ///
    /// - Parameters:
    ///   - stream: The reading end of the stream, a socket.
    ///   - timeout: How long this process may read nothing before the other one takes over.
    /// - Throws: `.inputOutput`.
    ///
    /// The corresponding C functions are `fork` and `pipe`.
    package init(of stream: SharedFile, timeout: Duration) throws(SnapError) {
        let path = stream.file.path
        calls = stream.file.calls
        self.timeout = timeout
        let (reading, writing) = try Pipe.create(path, calls)
        let milliseconds = (timeout / .milliseconds(1)).rounded(.up)
        do {
            process = try calls.startStreamDrain(
                heartbeat: reading.file.descriptor, of: stream.file.descriptor,
                milliseconds: Int32(min(milliseconds, Double(Int32.max))))
        } catch { throw SnapError(error, action: "start a process", path: path) }
        heartbeat = Mutex(writing)
    }

    /// Whether this process has read nothing for so long that the other one has taken over.
    package var isOverdue: Bool {
        hasBeenOverdue.load(ordering: .relaxed)
            || ContinuousClock.now - lastBeat.withLock(\.self) >= timeout
    }

    /// Reports that this process has just read from the stream.
    package func reportRead() {
        let now = ContinuousClock.now
        if isOverdue { hasBeenOverdue.store(true, ordering: .relaxed) }
        let isDue = lastBeat.withLock { last in
            guard now - last >= Self.beatInterval else { return false }
            last = now
            return true
        }
        guard isDue, let heartbeat = heartbeat.withLock(\.self) else { return }
        // If the other process has been killed, this process still reads the stream.
        try? [1].withBytes { (byte) throws(SnapError) in try heartbeat.file.append(byte) }
    }

    /// Lets the other process read what is left of the stream, and waits for its end.
    ///
    /// The process continues to read after the timeout, and also if this function is not called.
    ///
    /// - Parameter timeout: How long to wait.
    /// - Returns: Whether the other process has read nothing, so that the stream is complete here.
    package func finish(within timeout: Duration) -> Bool {
        heartbeat.withLock { $0 = nil }
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            if let end = calls.end(of: process) { return end == .exited(0) }
            usleep(500)
        }
        return false
    }
}
