import Glibc
import Synchronization
import SystemPackage

/// A process that reads a stream to its end if this process does not.
///
/// A writer that must neither wait nor fail needs a reader that outlives this process, which may be
/// killed, stopped, or blocked by a disk. The other process discards what it reads, and ends with
/// the stream.
package final class StreamDrain: Sendable {
    /// The connection on which this process reports that it reads, and the other one the result.
    private let control: SharedFile
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
    /// The corresponding C functions are `fork` and `socketpair`.
    package init(of stream: SharedFile, timeout: Duration) throws(SnapError) {
        let (path, calls) = (stream.file.path, stream.file.calls)
        let (mine, other) = try SocketPair.create(path, calls)
        let milliseconds = (timeout / .milliseconds(1)).rounded(.up)
        do {
            try calls.startStreamDrain(
                control: other.file.descriptor, of: stream.file.descriptor,
                milliseconds: Int32(min(milliseconds, Double(Int32.max))))
        } catch { throw SnapError(error, action: "start a process", path: path) }
        control = mine
        self.timeout = timeout
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
        // If the other process has been killed or stopped, this process still reads the stream.
        guard isDue, (try? waitToWrite()) == true else { return }
        try? [1].withBytes { (byte) throws(SnapError) in try control.file.append(byte) }
    }

    private func waitToWrite() throws(Errno) -> Bool {
        try control.file.calls.waitToWrite(control.file.descriptor, milliseconds: 0)
    }

    /// Lets the other process read what is left of the stream, and waits for its end.
    ///
    /// The process continues to read after the timeout, and also if this function is not called.
    ///
    /// - Parameter timeout: How long to wait.
    /// - Returns: Whether the other process has read nothing, so that the stream is complete here.
    package func finish(within timeout: Duration) -> Bool {
        let (calls, descriptor) = (control.file.calls, control.file.descriptor)
        try? calls.endWriting(descriptor)
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            // A signal must not end this wait.
            if (try? calls.waitToRead(descriptor, milliseconds: 10)) == true { return isComplete }
        }
        return false
    }

    private var isComplete: Bool {
        var result: [UInt8] = [1]
        let count = try? result.withMutableBytes { (bytes) throws(Errno) in
            try control.file.calls.read(control.file.descriptor, into: &bytes)
        }
        return count == 1 && result == [0]
    }
}
