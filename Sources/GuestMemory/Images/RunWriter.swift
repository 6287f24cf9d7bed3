import Dispatch
import SnapSystem
import Synchronization

/// A writer of runs of bytes to a file, in order, while the caller collects the next run.
///
/// Copying into the page cache takes as long as reading and parsing a stream, so the two run in
/// parallel. The number of waiting runs is limited. A thread writes as long as runs are queued; it
/// does not belong to libdispatch's pool, which ends the process if it cannot read /proc. Only one
/// thread at a time may call `write` and `wait`.
final class RunWriter: Sendable {
    private struct State {
        var runs: [(bytes: [UInt8], offset: Int)] = []
        var isWriting = false
        var failure: SnapError?
    }

    private let file: SharedFile
    private let state = Mutex(State())
    /// One permit for each run that may wait; it is released when the run has been written.
    ///
    /// The semaphore starts at 0 and is filled afterwards, because Dispatch requires that its value
    /// at the end is not less than its initial value.
    private let permits = DispatchSemaphore(value: 0)

    private static let queuedRunCountMax = 4

    /// - Parameter file: The file to write the runs to.
    init(_ file: SharedFile) {
        self.file = file
        for _ in 0..<Self.queuedRunCountMax { permits.signal() }
    }

    /// Queues a run for writing, and waits while too many runs are queued.
    ///
    /// - Parameters:
    ///   - bytes: The bytes of the run.
    ///   - offset: The offset of the run in the file, in bytes.
    /// - Throws: The error of an earlier run that could not be written.
    func write(_ bytes: [UInt8], at offset: Int) throws(SnapError) {
        permits.wait()
        let mustStart = state.withLock { state in
            state.runs.append((bytes, offset))
            defer { state.isWriting = true }
            return !state.isWriting
        }
        // If the system cannot create a thread, the caller's writes.
        if mustStart, !DetachedThread.start({ [self] in writeQueued() }) { writeQueued() }
        try check()
    }

    /// Waits until all runs have been written.
    ///
    /// - Throws: The error of a run that could not be written.
    func wait() throws(SnapError) {
        for _ in 0..<Self.queuedRunCountMax { permits.wait() }
        for _ in 0..<Self.queuedRunCountMax { permits.signal() }
        try check()
    }

    private func writeQueued() {
        while let run = nextRun() {
            do throws(SnapError) {
                try check()
                try file.file.write(run.bytes, at: run.offset)
            } catch {
                state.withLock { $0.failure = error }
            }
            permits.signal()
        }
    }

    private func nextRun() -> (bytes: [UInt8], offset: Int)? {
        state.withLock { state in
            state.isWriting = !state.runs.isEmpty
            return state.isWriting ? state.runs.removeFirst() : nil
        }
    }

    private func check() throws(SnapError) {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }
}
