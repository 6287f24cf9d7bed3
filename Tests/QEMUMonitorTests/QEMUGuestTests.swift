import QEMUMonitor
import SnapSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite("A guest under QEMU")
struct QEMUGuestTests {
    private typealias Answers = [String: String]

    private static let backend: Answers = [
        "qom-list": #"[{"name": "ram", "type": "child<memory-backend-file>"}]"#,
        "qom-get share": "true", "qom-get mem-path": "\"/mem\"", "qom-get size": "8192",
    ]

    /// Creates a peer that answers some commands with these values, and all others with an empty
    /// object.
    private static func monitor(_ answers: Answers) throws -> FakeMonitor {
        try FakeMonitor { command, id in
            "{\"return\": \(answers[command] ?? "{}"), \"id\": \(id)}\n"
        }
    }

    private static func connect(_ monitor: FakeMonitor) throws(SnapError) -> QEMUGuest {
        try QEMUGuest(.socket(monitor.path), timeout: .zero, .kernel)
    }

    /// Reads the backends of a peer with these answers.
    ///
    /// - Returns: The backends, and the error if reading them failed.
    private static func backends(
        _ answers: Answers
    ) throws -> (found: [QEMUGuest.Backend], error: SnapError?) {
        let monitor = try monitor(backend.merging(answers) { $1 })
        var guest = try connect(monitor)
        do throws(SnapError) { return (try guest.backends(), nil) } catch { return ([], error) }
    }

    @Test("the file backends of QEMU are found, with their paths and lengths")
    func sharedFiles() throws {
        let (found, error) = try Self.backends([
            "qom-list": """
            [{"name": "ram", "type": "child<memory-backend-file>"}, {"name": "x", "type": "string"},
             {"name": "high", "type": "child<memory-backend-file>"}]
            """
        ])
        #expect(error == nil && found.map(\.name) == ["ram", "high"])
        #expect(found.allSatisfy { $0.place == .file("/mem") && $0.byteCount == 8192 })
        // A relative path is relative to QEMU's working directory, here that of this process.
        let relative = try Self.backends(["qom-get mem-path": "\"here/mem\""]).found
        let path = relative.first.flatMap(Self.path)
        #expect(path?.isAbsolute == true && path?.ends(with: "here/mem") == true)
    }

    private static func path(of backend: QEMUGuest.Backend) -> FilePath? {
        if case .file(let path) = backend.place { path } else { nil }
    }

    @Test("a backend in a memfd has no path")
    func memfd() throws {
        let (found, error) = try Self.backends([
            "qom-list": #"[{"name": "m", "type": "child<memory-backend-memfd>"}]"#
        ])
        #expect(error == nil && found == [.init(name: "m", place: .memfd, byteCount: 8192)])
    }

    @Test(
        "a guest whose RAM cannot be read from a file is unsupported",
        arguments: [
            ["qom-list": "[]"], ["qom-get share": "false"],
            ["qom-list": #"[{"name": "m", "type": "child<memory-backend-epc>"}]"#],
            [
                "qom-list": "[{\"name\": \"\(String(repeating: "n", count: 256))\", "
                    + "\"type\": \"child<memory-backend-file>\"}]"
            ],
            ["qom-get mem-path": "\"/a\u{fffd}\""], ["qom-get mem-path": #""/a\u0000b""#],
            ["qom-get mem-path": "\"/\(String(repeating: "p", count: 4095))\""],
            // Answers of an unexpected type.
            ["qom-list": "{}"], ["qom-list": "[{}]"], ["qom-get share": "\"yes\""],
            ["qom-get mem-path": "null"], ["qom-get size": "\"8192\""], ["qom-get size": "0.5"],
            ["qom-get size": "9223372036854775808"],
        ] as [[String: String]])
    func unsupported(answers: [String: String]) throws {
        let (found, error) = try Self.backends(answers)
        #expect(found.isEmpty && error?.code == .unsupported, "\(error as Any)")
    }

    @Test("a backend can have a path of the maximum length")
    func longestPath() throws {
        let path = "/" + String(repeating: "p", count: 4094)
        #expect(
            try Self.backends(["qom-get mem-path": "\"\(path)\""]).found.map(Self.path) == [
                FilePath(path)
            ])
    }

    @Test("a long status is truncated")
    func status() throws {
        let name = String(repeating: "s", count: 1000)
        let monitor = try Self.monitor([
            "query-status": "{\"status\": \"\(name)\", \"running\": true}"
        ])
        var guest = try Self.connect(monitor)
        let status = try guest.status()
        #expect(status.isRunning && status.name.hasPrefix("sss") && status.name.count < 300)
    }

    @Test(
        "a guest counts as migrating unless its migration has ended or never started",
        arguments: [
            ("{}", false), (#"{"status": "none"}"#, false), (#"{"status": "completed"}"#, false),
            (#"{"status": "failed"}"#, false), (#"{"status": "cancelled"}"#, false),
            (#"{"status": "active"}"#, true), (#"{"status": "cancelling"}"#, true),
            (#"{"status": "of a later QEMU"}"#, true),
        ])
    func migrating(answer: String, isMigrating: Bool) throws {
        var guest = try Self.connect(try Self.monitor(["query-migrate": answer]))
        #expect(try guest.isMigrating() == isMigrating)
    }

    @Test(
        "a migration that does not complete is an error with QEMU's reason",
        arguments: [
            #"{"status": "failed", "error-desc": "no room"}"#, #"{"status": "cancelled"}"#,
            #"{"status": "none"}"#, "{}",
        ])
    func failedMigration(answer: String) throws {
        var guest = try Self.connect(try Self.monitor(["query-migrate": answer]))
        let error = #expect(throws: SnapError.self) { try guest.finishMigration() }
        #expect(error?.code == .inputOutput)
        #expect(error?.message.contains("no room") == answer.contains("no room"))
    }

    @Test("a migration that does not end causes a timeout at the deadline")
    func endlessMigration() throws {
        let monitor = try Self.monitor(["query-migrate": #"{"status": "active"}"#])
        var guest = try Self.connect(monitor)
        let start = ContinuousClock.now
        for isCancelled in [false, true] {
            guest.deadline = .now + .milliseconds(400)
            let error = #expect(throws: SnapError.self) {
                if isCancelled {
                    try guest.cancelMigration()
                } else {
                    try guest.finishMigration()
                }
            }
            #expect(error?.code == .busy, "\(error as Any)")
        }
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(monitor.lines.contains { $0.contains("migrate_cancel") })
    }

    @Test("QEMU receives the descriptor for the device state before the migrate command")
    func deviceState() throws {
        let passedCount = Mutex(0)
        let monitor = try FakeMonitor(receive: { descriptor in
            passedCount.withLock { $0 += 1 }
            try? descriptor.close()
        }) { _, id in "{\"return\": {}, \"id\": \(id)}\n" }
        var guest = try Self.connect(monitor)
        let pipe = try Pipe.create("pipe", .kernel)
        try guest.pass(pipe.writing)
        try guest.startMigration()
        #expect(passedCount.withLock(\.self) == 1)
        let commands = monitor.lines.suffix(2)
        #expect(commands.first?.contains("\"getfd\"") == true)
        #expect(commands.last?.contains("\"migrate\"") == true)
        #expect(commands.last?.contains("fd:") == true)
    }

    @Test("only the settings that a save may change are changed")
    func settings() throws {
        let monitor = try Self.monitor([
            "query-migrate-capabilities": """
            [{"capability": "xbzrle", "state": true}, {"capability": "events", "state": true},
             {"capability": "x-ignore-shared", "state": false}]
            """,
            "query-migrate-parameters": #"{"max-bandwidth": 1000, "tls-creds": "", "x": 1}"#,
        ])
        var guest = try Self.connect(monitor)
        let settings = try guest.settings()
        #expect(settings.canIgnoreShared && !settings.isEncrypted)
        try guest.apply(settings.changes(for: .deviceState))
        let line = try #require(monitor.lines.last { $0.contains("migrate-set-capabilities") })
        #expect(line.contains("xbzrle") && line.contains("x-ignore-shared"))
        #expect(!line.contains("events"))
        // Without capabilities to change, snap sends only the parameters.
        let count = monitor.lines.count
        try guest.apply(MigrationSettings([], settings.parameters))
        #expect(monitor.lines.count == count + 1)
    }
}
