import Dispatch
import SnapSystem
import Synchronization

/// Writes runs of bytes into a file while the next ones are being gathered, in the order given.
///
/// Copying into the page cache takes as long as reading and parsing a stream does, so the two go
/// side by side. A bounded number of runs waits.
final class RunWriter: Sendable {
    private let file: SharedFile
    private let queue = DispatchQueue(label: "run writer")
    /// One permit for each run that may wait, given back when it has been written.
    ///
    /// Made empty and filled afterwards, because a semaphore must not end with less than it began
    /// with.
    private let permits = DispatchSemaphore(value: 0)
    private let failure = Mutex<SnapError?>(nil)

    private static let waitingRunCountMax = 4

    /// - Parameter file: Where the runs go.
    init(_ file: SharedFile) {
        self.file = file
        for _ in 0..<Self.waitingRunCountMax { permits.signal() }
    }

    /// Takes a run over.
    ///
    /// - Parameters:
    ///   - bytes: Its bytes.
    ///   - offset: Where in the file they go.
    /// - Throws: Why an earlier run could not be written.
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
    /// - Throws: Why one could not be.
    func wait() throws(SnapError) {
        queue.sync {}
        try check()
    }

    private func check() throws(SnapError) {
        if let failure = failure.withLock({ $0 }) { throw failure }
    }
}
