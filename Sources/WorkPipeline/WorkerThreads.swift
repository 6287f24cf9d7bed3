import Dispatch
import SnapSystem
import Synchronization

/// Threads that run the same work at the same time.
///
/// libdispatch's `concurrentPerform` is not used. Its thread pool reads /proc about once per
/// second, and ends the process if it cannot, for example in a container without /proc.
enum WorkerThreads {
    /// The work, as long as threads may run it.
    ///
    /// No thread keeps the closure itself. It must not be in use when `withoutActuallyEscaping`
    /// ends, and a thread may still release its block after it has signalled its end.
    private final class Work: Sendable {
        private let body: Mutex<(@Sendable () -> Void)?>

        init(_ body: @escaping @Sendable () -> Void) { self.body = Mutex(body) }

        @inline(never)
        func run() { body.withLock(\.self)?() }

        func clear() { body.withLock { $0 = nil } }
    }

    /// Runs a closure on several threads, one of which is the caller's, and waits for all of them.
    ///
    /// If the system cannot create enough threads, fewer run the closure.
    ///
    /// - Parameters:
    ///   - count: The number of threads, at least 1.
    ///   - body: The work of one thread.
    static func run(_ count: Int, _ body: @Sendable () -> Void) {
        withoutActuallyEscaping(body) { body in
            let work = Work(body)
            let ended = DispatchSemaphore(value: 0)
            var startedCount = 0
            while startedCount < count - 1,
                DetachedThread.start({
                    work.run()
                    ended.signal()
                })
            {
                startedCount += 1
            }
            work.run()
            for _ in 0..<startedCount { ended.wait() }
            work.clear()
        }
    }
}
