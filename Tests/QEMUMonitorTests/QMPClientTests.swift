import Glibc
import QEMUMonitor
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("The QMP client")
struct QMPClientTests {
    private struct Status: Decodable, Equatable {
        let status: String
    }

    private static func quick() -> QMPClient.Timeouts {
        var timeouts = QMPClient.Timeouts()
        timeouts.commands = .milliseconds(150)
        timeouts.greeting = .milliseconds(150)
        return timeouts
    }

    private static func ask(
        _ monitor: FakeMonitor, _ timeouts: QMPClient.Timeouts = QMPClient.Timeouts()
    ) throws -> Status {
        var client = try QMPClient.connect(
            to: .socket(monitor.path), timeout: .zero, .kernel, timeouts: timeouts)
        return try client.ask("query-status")
    }

    @Test("messages are parsed regardless of their layout")
    func layouts() throws {
        let layouts: [@Sendable (String, Int) -> String] = [
            { "{\"return\": \($0), \"id\": \($1)}\r\n" },
            { "{\n    \"return\":\n        \($0),\n    \"id\": \($1)\n}\n" },
            { "{\"event\": \"{\\\"}\"}\n\n{\"return\":\($0),\"id\":\($1)}" },
            { "{\"id\": 77, \"return\": {}}{\"id\":\($1),\"return\":\($0)}\n" },
        ]
        for layout in layouts {
            let monitor = try FakeMonitor(greeting: "{\n  \"QMP\": {\n  }\n}\n") { command, id in
                layout(command == "query-status" ? #"{"status": "a } \" \\ b"}"# : "{}", id)
            }
            #expect(try Self.ask(monitor) == Status(status: "a } \" \\ b"))
        }
    }

    @Test("a missing connection, greeting or answer is a timeout")
    func silence() throws {
        let silent: [FakeMonitor] = [
            try FakeMonitor(accepts: false) { _, _ in nil },
            try FakeMonitor(greeting: "") { _, _ in nil },
            try FakeMonitor { _, _ in nil },
        ]
        for monitor in silent {
            let start = ContinuousClock.now
            let error = #expect(throws: SnapError.self) {
                _ = try Self.ask(monitor, Self.quick())
            }
            #expect(error?.code == .busy, "\(error as Any)")
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }

    @Test(
        "a flood of other bytes does not extend the timeout",
        arguments: [
            .init(after: nil, "\n", times: 1 << 16, every: 0),
            .init(after: nil, "{\"event\": \"X\"", every: 1000),
            .init(after: nil, "{\"event\": \"", every: 1000),
            .init(after: "qmp_capabilities", "{\"event\": \"X\"}\n", every: 0),
            .init(after: "query-status", "{\"event\": \"X\"}\n", every: 10_000),
            .init(after: "query-status", "{\"id\": 1, \"return\": {}}", every: 10_000),
            .init(after: "query-status", " ", every: 10_000),
        ] as [FakeMonitor.Flood])
    func floods(flood: FakeMonitor.Flood) throws {
        let greeting = flood.isGreeting ? "" : #"{"QMP": {}}"#
        let monitor = try FakeMonitor(greeting: greeting, flood: flood) { _, id in
            "{\"return\": {}, \"id\": \(id)}\n"
        }
        let start = ContinuousClock.now
        #expect(throws: SnapError.self) { _ = try Self.ask(monitor, Self.quick()) }
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test("one deadline applies to any number of commands")
    func deadline() throws {
        let monitor = try FakeMonitor { _, id in
            usleep(50_000)
            return "{\"return\": {}, \"id\": \(id)}\n"
        }
        var client = try QMPClient.connect(
            to: .socket(monitor.path), timeout: .zero, .kernel, timeouts: Self.quick())
        var count = 0
        let error = #expect(throws: SnapError.self) {
            while count < 1000 {
                try client.execute("cont", QMPClient.Nothing())
                count += 1
            }
        }
        #expect(error?.code == .busy && count < 10)
        client.deadline = .now + .seconds(20)
        try client.execute("cont", QMPClient.Nothing())
    }

    @Test("the client reports the process and the user of its peer")
    func peer() throws {
        let monitor = try FakeMonitor { _, id in "{\"return\": {}, \"id\": \(id)}\n" }
        let client = try QMPClient.connect(to: .socket(monitor.path), timeout: .zero, .kernel)
        #expect(client.peer.process == .current(.kernel))
        #expect(client.peer.userID == geteuid())
    }

    @Test("a peer that does not speak QMP is refused as unsupported")
    func foreign() throws {
        for greeting in [
            "QEMU 7.2.0 monitor - type 'help' for more information\n", "[]\n", "}\n", "\"x\"\n",
            "{\"error\": 1}\n",
            "{\"QMP\": \(String(repeating: "[", count: 32))", "HTTP/1.1 400 Bad Request\r\n",
        ] {
            let monitor = try FakeMonitor(greeting: greeting) { _, _ in nil }
            let error = #expect(throws: SnapError.self) { _ = try Self.ask(monitor) }
            #expect(error?.code == .unsupported, "\(greeting): \(error as Any)")
        }
    }

    @Test("an error contains QEMU's description")
    func refusals() throws {
        let monitor = try FakeMonitor { command, id in
            command == "query-status"
                ? "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}, \"id\": \(id)}"
                : "{\"return\": {}, \"id\": \(id)}"
        }
        let error = #expect(throws: SnapError.self) { _ = try Self.ask(monitor) }
        #expect(error?.code == .inputOutput && error?.message.contains("not now") == true)
    }

    @Test("a long description in an error is truncated")
    func longRefusals() throws {
        let words = "not now: " + String(repeating: "x\u{301}", count: 10_000)
        let monitor = try FakeMonitor { command, id in
            command == "query-status"
                ? "{\"error\": {\"desc\": \"\(words)\"}, \"id\": \(id)}"
                : "{\"return\": {}, \"id\": \(id)}"
        }
        let error = #expect(throws: SnapError.self) { _ = try Self.ask(monitor) }
        #expect(error?.message.contains("not now") == true)
        #expect(error?.message.utf8.count ?? .max < 1000)
    }
}

@Suite("Consecutive JSON objects")
struct JSONMessagesTests {
    @Test("objects are separated regardless of how the bytes arrive", arguments: 0..<20)
    func cuts(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let objects = [
            "{}", "{\"a\":{\"b\":[{}]}}", "{\"s\":\"}{\\\"\\\\\"}", "{\n \"x\" : \"é\"\n}",
        ]
        let text = objects.joined(separator: [" ", "\n", "", "\r\n\t"][seed % 4]) + "\n {\"open"
        var messages = JSONMessages()
        var found: [[UInt8]] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...5, using: &generator)
            messages.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
            while let object = try messages.next() { found.append(object) }
        }
        #expect(found == objects.map { Array($0.utf8) })
    }
}

@Suite("QEMU's migration settings")
struct MigrationSettingsTests {
    private static func settings(
        _ on: Set<String>, _ bandwidth: UInt64 = 1 << 27
    ) -> MigrationSettings {
        let names = ["xbzrle", "events", "x-ignore-shared", "postcopy-ram"]
        return MigrationSettings(
            names.map { .init(capability: $0, state: on.contains($0)) },
            .init(maxBandwidth: bandwidth, tlsCredentials: nil))
    }

    @Test("only settings that still have the values of a save are restored")
    func restoration() {
        let before = Self.settings(["xbzrle", "events"])
        #expect(!before.areChanged(before: before, for: .deviceState))
        let during = Self.settings(["x-ignore-shared", "events"], 1 << 40)
        #expect(during.areChanged(before: before, for: .deviceState))
        let undo = during.undoing(changesTo: before, for: .deviceState)
        #expect(Set(undo.capabilities.map(\.capability)) == ["xbzrle", "x-ignore-shared"])
        #expect(undo.parameters.maxBandwidth == 1 << 27)
        // Another client has changed the other settings since.
        let partly = Self.settings(["xbzrle", "x-ignore-shared"], 1 << 30)
        #expect(partly.areChanged(before: before, for: .deviceState))
        let rest = partly.undoing(changesTo: before, for: .deviceState)
        #expect(rest.capabilities.map(\.capability) == ["x-ignore-shared"])
        #expect(rest.parameters.maxBandwidth == 1 << 30)
    }

    private static let changeable = [
        "xbzrle", "multifd", "x-ignore-shared", "background-snapshot", "validate-uuid",
    ]

    /// Generates random settings of known and unknown capabilities, some of them twice.
    private static func random(_ generator: inout Seeded) -> MigrationSettings {
        let names = changeable + ["events", "unknown", "xbzrle"]
        return MigrationSettings(
            names.filter { _ in Bool.random(using: &generator) }.map {
                .init(capability: $0, state: Bool.random(using: &generator))
            },
            .init(
                maxBandwidth: generator.choice([0, 1, 1 << 27, 1 << 40, 1 << 50]),
                tlsCredentials: nil))
    }

    /// Computes QEMU's settings after changes have been applied to them.
    private static func applying(
        _ changes: MigrationSettings, to settings: MigrationSettings
    ) -> MigrationSettings {
        let changed = Dictionary(
            uniqueKeysWithValues: changes.capabilities.map { ($0.capability, $0.state) })
        return MigrationSettings(
            settings.capabilities.map {
                .init(capability: $0.capability, state: changed[$0.capability] ?? $0.state)
            }, changes.parameters)
    }

    @Test(
        "undoing a save's changes restores the previous settings", arguments: 0..<50,
        [MigrationContent.deviceState, .complete, .backgroundSnapshot])
    func roundTrip(seed: Int, content: MigrationContent) {
        var generator = Seeded(UInt64(seed))
        let before = Self.random(&generator)
        let names = before.capabilities.map(\.capability)
        #expect(Set(names).count == names.count)
        #expect(Set(names).isSubset(of: Set(Self.changeable)))
        let during = Self.applying(before.changes(for: content), to: before)
        let needed: [MigrationContent: String] = [
            .deviceState: "x-ignore-shared", .backgroundSnapshot: "background-snapshot",
        ]
        for (capability, old) in zip(during.capabilities, before.capabilities) {
            let isKept = capability.capability == "validate-uuid" && content != .backgroundSnapshot
            #expect(
                capability.state == (isKept ? old.state : capability.capability == needed[content]))
        }
        #expect(during.parameters.maxBandwidth >= 1 << 40)
        #expect(during.changes(for: content).capabilities.isEmpty)
        let after = Self.applying(during.undoing(changesTo: before, for: content), to: during)
        #expect(after == before)
        #expect(!after.areChanged(before: before, for: content))
        // The settings show that a migration is a save's only if the save has turned on the
        // capability that the migration needs.
        let isShown = before.capabilities.contains {
            $0.capability == needed[content] && !$0.state
        }
        #expect(during.areThose(of: content, before: before) == isShown)
    }

    @Test("migrations are encrypted if there are TLS credentials")
    func encryption() {
        for (credentials, isEncrypted) in [(nil, false), ("", false), ("tls0", true)] {
            let settings = MigrationSettings(
                [], .init(maxBandwidth: 1, tlsCredentials: credentials))
            #expect(settings.isEncrypted == isEncrypted)
        }
    }
}
