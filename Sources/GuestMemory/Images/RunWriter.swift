import Dispatch
import SnapSystem
import Synchronization

/// A writer of runs of bytes to a file, in order, while the caller collects the next run.
///
/// Copying into the page cache takes as long as reading and parsing a stream, so the two run in
/// parallel. The number of waiting runs is limited.
final class RunWriter: Sendable {
    private let file: SharedFile
    private let queue = DispatchQueue(label: "run writer")
    /// One permit for each run that may wait; it is released when the run has been written.
    ///
    /// The semaphore starts at 0 and is filled afterwards, because Dispatch requires that its value
    /// at the end is not less than its initial value.
    private let permits = DispatchSemaphore(value: 0)
    private let failure = Mutex<SnapError?>(nil)

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
        queue.async { [self] in
            do throws(SnapError) {
                try check()
                try file.file.write(bytes, at: offset)
            } catch {
                failure.withLock { $0 = error }
            }
            permits.signal()
        }
        try check()
    }

    /// Waits until all runs have been written.
    ///
    /// - Throws: The error of a run that could not be written.
    func wait() throws(SnapError) {
        queue.sync {}
        try check()
    }

    private func check() throws(SnapError) {
        if let failure = failure.withLock({ $0 }) { throw failure }
    }
}
