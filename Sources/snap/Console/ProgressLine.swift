import Foundation
import SnapSystem
import Synchronization
import WorkPipeline

/// One line at the bottom of a terminal that says how far a long command has come.
///
/// It is drawn by a thread of its own from half a second on, over itself and in one write, so that
/// it does not flicker; whatever else is said takes it away first.
final class ProgressLine: Sendable {
    private struct Drawn {
        var isShown = false
        var isOver = false
    }

    private let progress: WorkProgress
    private let subject: String
    private let drawn = Mutex(Drawn())
    private let stop = DispatchSemaphore(value: 0)
    private let stopped = DispatchSemaphore(value: 0)

    private static let delay = Duration.milliseconds(500)
    private static let interval = DispatchTimeInterval.milliseconds(100)
    /// The line that is at work; there is one command and so at most one.
    private static let current = Mutex<ProgressLine?>(nil)

    private init(_ progress: WorkProgress, _ subject: String) {
        self.progress = progress
        self.subject = subject
    }

    /// Does something that may take long, and shows how far it has come.
    ///
    /// - Parameters:
    ///   - subject: What it is about: a guest, a checkpoint.
    ///   - isShown: Whether the user wants to see it.
    ///   - progress: What the progress is reported to.
    ///   - body: What runs.
    /// - Throws: What `body` throws.
    static func during<Result>(
        _ subject: String, isShown: Bool, of progress: WorkProgress,
        _ body: () throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        guard isShown, Terminal.error != nil else { return try body() }
        let line = ProgressLine(progress, subject)
        current.withLock { $0 = line }
        Thread.detachNewThread { line.run() }
        defer { line.finish() }
        return try body()
    }

    /// Says something else, where the line was; it is drawn again underneath.
    ///
    /// - Parameter body: What says it.
    /// - Throws: What `body` throws.
    static func aside<Failure>(_ body: () throws(Failure) -> Void) throws(Failure) {
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
            drawn.isOver = true
        }
        Self.current.withLock { $0 = nil }
    }

    private func draw(_ text: String) {
        drawn.withLock { drawn in
            guard !drawn.isOver else { return }
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
        // If it fails there is no reader any more.
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    /// The line.
    ///
    /// - Parameters:
    ///   - subject: What it is about.
    ///   - state: How far it has come.
    ///   - elapsed: How long the phase has taken so far.
    ///   - columnCount: How many characters there is room for.
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

    /// Seconds as `1:05` or `2:00:00`.
    private static func clock(_ seconds: Int) -> String {
        let two = { (value: Int) in String(value).padded(to: 2) }
        let minutes = seconds / 60
        return minutes < 60
            ? "\(minutes):\(two(seconds % 60))"
            : "\(minutes / 60):\(two(minutes % 60)):\(two(seconds % 60))"
    }
}
