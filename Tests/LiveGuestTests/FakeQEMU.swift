import Foundation
import LiveGuest
import SnapSystem
import Synchronization
import SystemPackage
import TestSupport
import WorkPipeline

/// A minimal QEMU in this process, with a memory file of two pages.
final class FakeQEMU: Sendable {
    /// How the fake differs from a QEMU that works.
    struct Behavior: Sendable {
        /// The commands that the fake refuses with an error.
        var refuses: Set<String> = []
        /// Whether the guest is paused when the fake starts.
        var isPaused = false
        /// The bytes that the fake writes as its device state, repeatedly, every 20 ms; nil closes
        /// the pipe immediately.
        var slowDeviceState: [UInt8]?
        /// The bytes that the fake writes as its stream at once, and then closes the pipe; nil to
        /// follow `slowDeviceState`.
        var stream: [UInt8]?
        /// The major version of QEMU.
        var version = 7
    }

    let scratch: Scratch
    let directory: Directory
    private let monitor: FakeMonitor
    private let memory: FileHandle
    private let state: State

    private final class State: Sendable {
        let warnings = Mutex<[String]>([])
        let isRunning: Mutex<Bool>
        /// Whether the test has released the fake.
        let isReleased = Atomic(false)
        /// The command that the fake no longer answers; nil if it answers all.
        let unanswered = Mutex<String?>(nil)

        init(isRunning: Bool) { self.isRunning = Mutex(isRunning) }
    }

    init(_ behavior: Behavior = Behavior()) throws {
        scratch = try Scratch()
        let path = try scratch.write([UInt8](repeating: 1, count: 8192), to: "mem")
        memory = try FileHandle(forReadingFrom: URL(fileURLWithPath: path.string))
        directory = Directory(scratch.path, .kernel)
        let state = State(isRunning: !behavior.isPaused)
        self.state = state
        let receive: @Sendable (FileDescriptor) -> Void = { pipe in
            Thread.detachNewThread {
                defer { try? pipe.close() }
                if let stream = behavior.stream { _ = try? pipe.writeAll(stream) }
                while let bytes = behavior.slowDeviceState {
                    for byte in bytes {
                        // A process that drains the stream reads it until it ends.
                        if state.isReleased.load(ordering: .relaxed) { return }
                        if (try? pipe.writeAll([byte])) == nil { return }
                    }
                    usleep(20_000)
                }
            }
        }
        monitor = try FakeMonitor(receive: receive) { command, id in
            if state.unanswered.withLock({ $0 == command }) { return nil }
            if behavior.refuses.contains(command) {
                return "{\"error\": {\"desc\": \"no\"}, \"id\": \(id)}"
            }
            if command == "stop" || command == "cont" {
                state.isRunning.withLock { $0 = command == "cont" }
            }
            let isRunning = state.isRunning.withLock { $0 }
            let events = ["stop": ("STOP", 5), "cont": ("RESUME", 7)]
            let event = events[command].map {
                """
                {"event": "\($0.0)", "timestamp": {"seconds": \($0.1), "microseconds": 250000}}
                """
            }
            let answer =
                switch command {
                case "query-status":
                    """
                    {"status": "\(isRunning ? "running" : "paused")", "running": \(isRunning)}
                    """
                case "query-migrate-capabilities":
                    """
                    [{"capability": "x-ignore-shared", "state": false},
                     {"capability": "background-snapshot", "state": false},
                     {"capability": "xbzrle", "state": false}, {"capability": "x", "state": false}]
                    """
                case "query-migrate-parameters": #"{"max-bandwidth": 1099511627776}"#
                case "query-migrate" where behavior.stream != nil: #"{"status": "completed"}"#
                case "query-version": "{\"qemu\": {\"major\": \(behavior.version), \"minor\": 2}}"
                case "query-block":
                    """
                    [{"device": "disk0", "inserted": {"ro": false, "drv": "qcow2",
                      "node-name": "#block1", "image": {"filename": "/disks/a b.qcow2"}}},
                     {"device": "", "inserted": {"ro": false, "drv": "raw",
                      "node-name": "flash", "image": {"filename": "/disks/vars.fd"}}},
                     {"device": "cd", "inserted": {"ro": true, "drv": "raw",
                      "node-name": "#block2", "image": {"filename": "/disks/x.iso"}}},
                     {"device": "floppy0"}]
                    """
                case "qom-get share": "true"
                case "qom-get size": "8192"
                case "qom-get mem-path": "\"\(path)\""
                case "qom-list": #"[{"name": "ram", "type": "child<memory-backend-file>"}]"#
                default: "{}"
                }
            return (event ?? "") + "{\"return\": \(answer), \"id\": \(id)}\n"
        }
    }

    deinit { state.isReleased.store(true, ordering: .relaxed) }

    /// The received commands, as JSON.
    var lines: [String] { monitor.lines }

    /// Returns how often the fake has received a command.
    func count(_ command: String) -> Int {
        lines.count { $0.contains("\"\(command)\"") }
    }

    /// The warnings of snap.
    var warnings: [String] { state.warnings.withLock { $0 } }

    /// Stops answering a command.
    func stopAnswering(_ command: String) { state.unanswered.withLock { $0 = command } }

    /// Connects to the guest with short timeouts.
    func connect(
        resumes: Bool = false, calls: SystemCalls = .kernel,
        keepsSnapshots: @escaping (String) -> Bool = { _ in true }
    ) throws(SnapError) -> GuestConnection {
        var context = WorkContext(calls)
        let state = state
        context.warn = { warning in state.warnings.withLock { $0.append(warning.message) } }
        var timeouts = GuestConnection.Timeouts()
        timeouts.pause = .seconds(1)
        timeouts.deviceState = .milliseconds(500)
        timeouts.settings = .milliseconds(500)
        timeouts.resume = .milliseconds(500)
        timeouts.cancellation = .milliseconds(500)
        return try GuestConnection(
            to: .socket(monitor.path), in: Directory(scratch.path, calls),
            resumesUnfinished: resumes,
            keepsSnapshots: keepsSnapshots, context,
            timeouts: timeouts)
    }
}
