import Foundation
import SnapSystem
import Synchronization
import WorkPipeline

/// The last line on a terminal, which shows the progress of a long command.
///
/// A separate thread draws it, starting after half a second. Each update overwrites the line in one
/// write, so that it does not flicker. Any other output erases the line first.
final class ProgressLine: Sendable {
    private struct Drawn {
        var isShown = false
        var isFinished = false
    }

    private let progress: WorkProgress
    private let subject: String
    private let drawn = Mutex(Drawn())
    private let stop = DispatchSemaphore(value: 0)
    private let stopped = DispatchSemaphore(value: 0)

    private static let delay = Duration.milliseconds(500)
    private static let interval = DispatchTimeInterval.milliseconds(100)
    /// The active line; a process runs one command, so there is at most one.
    private static let current = Mutex<ProgressLine?>(nil)

    private init(_ progress: WorkProgress, _ subject: String) {
        self.progress = progress
        self.subject = subject
    }

    /// Runs an operation that may take long, and shows its progress on standard error.
    ///
    /// Shows nothing if standard error is not a terminal.
    ///
    /// - Parameters:
    ///   - subject: The guest, checkpoint or store that the line names.
    ///   - isShown: Whether the user wants to see the line.
    ///   - progress: The progress that `body` updates.
    ///   - body: The operation.
    /// - Returns: The result of `body`.
    /// - Throws: The error that `body` throws.
    static func during<Result>(
        _ subject: String, isShown: Bool, of progress: WorkProgress,
        _ body: () throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        guard isShown, Terminal.error != nil else { return try body() }
        let line = ProgressLine(progress, subject)
        guard DetachedThread.start({ line.run() }) else { return try body() }
        current.withLock { $0 = line }
        defer { line.finish() }
        return try body()
    }

    /// Erases the line while other output is written; the next update draws it again below.
    ///
    /// - Parameter body: Writes the other output.
    /// - Throws: The error that `body` throws.
    static func whileErased<Failure>(_ body: () throws(Failure) -> Void) throws(Failure) {
        guard let line = current.withLock(\.self) else { return try body() }
        try line.drawn.withLock { drawn throws(Failure) in
            erase(&drawn)
            try body()
        }
    }

    private func run() {
        let clock = ContinuousClock()
        let start = clock.now
        var phase: (name: WorkProgress.Phase, start: ContinuousClock.Instant)?
        while stop.wait(timeout: .now() + Self.interval) == .timedOut {
            guard let state = progress.state else { continue }
            let now = clock.now
            if phase?.name != state.phase { phase = (state.phase, now) }
            guard now - start >= Self.delay, let phase, let terminal = Terminal.error else {
                continue
            }
            draw(
                Self.text(
                    subject, state, after: now - phase.start,
                    columnCount: terminal.columnCount))
        }
        stopped.signal()
    }

    private func finish() {
        stop.signal()
        stopped.wait()
        drawn.withLock { drawn in
            Self.erase(&drawn)
            drawn.isFinished = true
        }
        Self.current.withLock { $0 = nil }
    }

    private func draw(_ text: String) {
        drawn.withLock { drawn in
            guard !drawn.isFinished else { return }
            drawn.isShown = true
            Self.write("\r\(text)\u{1b}[K")
        }
    }

    private static func erase(_ drawn: inout Drawn) {
        guard drawn.isShown else { return }
        drawn.isShown = false
        write("\r\u{1b}[K")
    }

    private static func write(_ text: String) {
        // If the write fails, nothing reads standard error any longer.
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    /// Formats the line: subject, phase, amount, percentage, rate and remaining time.
    ///
    /// - Parameters:
    ///   - subject: The guest, checkpoint or store that the line names.
    ///   - state: The operation's progress.
    ///   - elapsed: The time since the phase started.
    ///   - columnCount: The width of the terminal, in columns.
    /// - Returns: The line, at least one column shorter than the terminal is wide.
    static func text(
        _ subject: String, _ state: WorkProgress.State, after elapsed: Duration, columnCount: Int
    ) -> String {
        let amount = { (count: Int) in state.countsBytes ? count.asByteCount : count.grouped }
        let rate = Int(Double(state.doneCount) / max(0.001, elapsed / .seconds(1)))
        var parts = [subject.printable, state.phase.rawValue]
        if let total = state.totalCount, total > 0 {
            let done = min(state.doneCount, total)
            let percent = done * 100 / total
            parts += ["\(amount(done)) of \(amount(total))", "\(percent) %", "\(amount(rate))/s"]
            if rate > 0 { parts.append("\(Self.clock((total - done) / rate)) left") }
        } else if state.doneCount > 0 {
            parts += [amount(state.doneCount), "\(amount(rate))/s"]
        }
        return parts.joined(separator: "  ").fitting(max(1, columnCount - 1))
    }

    /// Formats a number of seconds as `1:05` or `2:00:00`.
    private static func clock(_ seconds: Int) -> String {
        let two = { (value: Int) in String(value).padded(to: 2) }
        let minutes = seconds / 60
        return minutes < 60
            ? "\(minutes):\(two(seconds % 60))"
            : "\(minutes / 60):\(two(minutes % 60)):\(two(seconds % 60))"
    }
}
