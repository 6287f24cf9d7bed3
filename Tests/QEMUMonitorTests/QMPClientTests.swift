import QEMUMonitor
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("A conversation over QMP")
struct QMPClientTests {
    private struct Status: Decodable, Equatable {
        let status: String
    }

    private static func quick() -> QMPClient.Timeouts {
        var timeouts = QMPClient.Timeouts()
        timeouts.reply = .milliseconds(300)
        timeouts.greeting = .milliseconds(300)
        return timeouts
    }

    private static func ask(_ monitor: FakeMonitor) throws -> Status {
        var client = try QMPClient.connect(
            to: monitor.path, timeout: .zero, .kernel, timeouts: quick())
        return try client.ask("query-status")
    }

    @Test("is understood however it is laid out")
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

    @Test("ends in time where no answer comes")
    func silence() throws {
        let silent: [FakeMonitor] = [
            try FakeMonitor(accepts: false) { _, _ in nil },
            try FakeMonitor(greeting: "") { _, _ in nil },
            try FakeMonitor { _, _ in nil },
            // Events are no answer.
            try FakeMonitor { command, id in
                command == "query-status"
                    ? String(repeating: "{\"event\": \"X\"}\n", count: 200)
                    : "{\"return\": {}, \"id\": \(id)}\n"
            },
        ]
        for monitor in silent {
            let start = ContinuousClock.now
            let error = #expect(throws: SnapError.self) { _ = try Self.ask(monitor) }
            #expect(error?.code == .busy, "\(error as Any)")
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }

    @Test("with something else is told")
    func foreign() throws {
        for greeting in [
            "QEMU 7.2.0 monitor - type 'help' for more information\n", "[]\n", "}\n", "\"x\"\n",
            "{\"error\": 1}\n", "HTTP/1.1 400 Bad Request\r\n",
        ] {
            let monitor = try FakeMonitor(greeting: greeting) { _, _ in nil }
            let error = #expect(throws: SnapError.self) { _ = try Self.ask(monitor) }
            #expect(error?.code == .unsupported, "\(greeting): \(error as Any)")
        }
    }

    @Test("refusals have QEMU's words")
    func refusals() throws {
        let monitor = try FakeMonitor { command, id in
            command == "query-status"
                ? "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}, \"id\": \(id)}"
                : "{\"return\": {}, \"id\": \(id)}"
        }
        let error = #expect(throws: SnapError.self) { _ = try Self.ask(monitor) }
        #expect(error?.code == .inputOutput && error?.message.contains("not now") == true)
    }
}

@Suite("JSON objects one after the other")
struct JSONMessagesTests {
    @Test("are divided the same wherever the bytes are cut", arguments: 0..<20)
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

@Suite("How QEMU migrates")
struct MigrationSettingsTests {
    private static func settings(
        _ on: Set<String>, _ bandwidth: UInt64 = 1 << 27
    ) -> MigrationSettings {
        let names = ["xbzrle", "events", "x-ignore-shared", "postcopy-ram"]
        return MigrationSettings(
            names.map { .init(capability: $0, state: on.contains($0)) },
            .init(maxBandwidth: bandwidth, tlsCredentials: nil))
    }

    @Test("is put back as far as it is still changed")
    func putBack() {
        let before = Self.settings(["xbzrle", "events"])
        #expect(!before.areChanged(before: before))
        let during = Self.settings(["x-ignore-shared", "events"], 1 << 40)
        #expect(during.areChanged(before: before))
        let undo = during.undoing(changesTo: before)
        #expect(Set(undo.capabilities.map(\.capability)) == ["xbzrle", "x-ignore-shared"])
        #expect(undo.parameters.maxBandwidth == 1 << 27)
        // Another has changed the rest since.
        let partly = Self.settings(["xbzrle", "x-ignore-shared"], 1 << 30)
        #expect(partly.areChanged(before: before))
        let rest = partly.undoing(changesTo: before)
        #expect(rest.capabilities.map(\.capability) == ["x-ignore-shared"])
        #expect(rest.parameters.maxBandwidth == 1 << 30)
    }
}
