import Foundation
import QEMUMonitor
import SnapSystem
import TestSupport
import Testing

/// Peers that violate QMP: they close the connection, send other data, or do not answer.
@Suite("A peer that misbehaves")
struct MisbehavingPeerTests {
    private struct Status: Decodable {
        let status: String
    }

    /// Connects, and queries the status.
    ///
    /// - Parameters:
    ///   - monitor: The peer.
    ///   - isSilent: Whether the peer never answers, so that short timeouts suffice.
    /// - Returns: The status or the error.
    private static func ask(
        _ monitor: FakeMonitor, isSilent: Bool = false
    ) -> Result<String, SnapError> {
        var timeouts = QMPClient.Timeouts()
        if isSilent {
            (timeouts.greeting, timeouts.commands) = (.milliseconds(100), .milliseconds(100))
        }
        let start = ContinuousClock.now
        defer { #expect(ContinuousClock.now - start < .seconds(100)) }
        do throws(SnapError) {
            var client = try QMPClient.connect(
                to: .socket(monitor.path), timeout: .zero, .kernel, timeouts: timeouts)
            let status: Status = try client.ask("query-status")
            return .success(status.status)
        } catch { return .failure(error) }
    }

    private static func code(
        _ monitor: FakeMonitor, isSilent: Bool = false
    ) -> SnapError.Code? {
        guard case .failure(let error) = ask(monitor, isSilent: isSilent) else { return nil }
        #expect(error.path == monitor.path && !error.message.isEmpty)
        return error.code
    }

    /// Creates a valid answer to any command.
    private static func answer(_ command: String, _ id: Int) -> String {
        command == "query-status"
            ? "{\"return\": {\"status\": \"running\"}, \"id\": \(id)}\n"
            : "{\"return\": {}, \"id\": \(id)}\n"
    }

    @Test(
        "a peer that closes the connection causes an error at any point",
        arguments: [
            // Before the greeting, within it, and after it.
            ("", "", ""), ("{\"QMP\": {", "", ""), ("{\"QMP\": {}}", "", ""),
            // Before an answer, within one, and after one with another id.
            ("{\"QMP\": {}}", "qmp_capabilities", ""),
            ("{\"QMP\": {}}", "qmp_capabilities", "{\"return\": {}, \"id\""),
            ("{\"QMP\": {}}", "query-status", ""),
            ("{\"QMP\": {}}", "query-status", "{\"return\": {\"status\": \"run"),
            (
                "{\"QMP\": {}}", "query-status",
                "{\"event\": \"STOP\"}\n{\"return\": {}, \"id\": 77}"
            ),
        ])
    func closing(greeting: String, command: String, text: String) throws {
        let monitor = try FakeMonitor(greeting: greeting, closingAfter: command) { found, id in
            found == command ? text : Self.answer(found, id)
        }
        #expect(Self.code(monitor) == .inputOutput)
    }

    @Test("a complete answer is read even if the peer then closes the connection")
    func closingAfterAnswer() throws {
        let monitor = try FakeMonitor(
            closingAfter: "query-status", { Self.answer($0, $1) })
        #expect(try Self.ask(monitor).get() == "running")
    }

    @Test(
        "a peer whose answers are not QMP is unsupported",
        arguments: [
            "OK\n", "[]\n", "null\n", "]", "\"x\"\n", "1\n", "{]\n", "{\"id\": 1.5}\n",
            "{\"id\": \"x\"}\n", "{\"id\": {}}\n", "{\"error\": \"no\"}\n", "{\"error\": {}}\n",
            "{\"id\": 99999999999999999999}\n", "{,}\n", "{\"a\" 1}\n",
            "{\"event\": \(String(repeating: "[", count: 32))",
            "{\"event\": \(String(repeating: "{\"a\":", count: 40))",
        ])
    func garbage(text: String) throws {
        for command in ["qmp_capabilities", "query-status"] {
            let monitor = try FakeMonitor { found, id in
                found == command ? text : Self.answer(found, id)
            }
            #expect(Self.code(monitor) == .unsupported, "\(command): \(text)")
        }
    }

    @Test(
        "an error contains the refused command and the peer's description",
        arguments: [
            "qmp_capabilities", "query-status",
        ])
    func refusing(command: String) throws {
        let monitor = try FakeMonitor { found, id in
            found == command
                ? "{\"id\": \(id), \"error\": {\"class\": \"X\", \"desc\": \"not today\"}}\n"
                : Self.answer(found, id)
        }
        guard case .failure(let error) = Self.ask(monitor) else {
            Issue.record("a refused command caused no error")
            return
        }
        #expect(error.code == .inputOutput && error.message.contains("not today"))
        #expect(error.message.contains(command))
    }

    @Test(
        "an answer of an unexpected type is unsupported",
        arguments: [
            "{}", "[]", "null", "5", "\"running\"", "{\"status\": 5}", "{\"status\": null}",
        ])
    func otherTypes(value: String) throws {
        let monitor = try FakeMonitor { found, id in
            found == "query-status"
                ? "{\"return\": \(value), \"id\": \(id)}\n" : Self.answer(found, id)
        }
        #expect(Self.code(monitor) == .unsupported)
    }

    @Test("an answer with neither a value nor an error is unsupported")
    func emptyAnswer() throws {
        let monitor = try FakeMonitor { found, id in
            found == "query-status" ? "{\"id\": \(id)}\n" : Self.answer(found, id)
        }
        #expect(Self.code(monitor) == .unsupported)
    }

    @Test(
        "answers with another id, or without an id, are ignored until the timeout",
        arguments: [
            "", ", \"id\": 0", ", \"id\": 1", ", \"id\": 3", ", \"id\": -2", ", \"id\": null",
        ])
    func otherIDs(id: String) throws {
        // query-status is the second command, so its id is 2.
        let monitor = try FakeMonitor { found, number in
            found == "query-status"
                ? "{\"return\": {\"status\": \"x\"}\(id)}\n" : Self.answer(found, number)
        }
        #expect(Self.code(monitor, isSilent: true) == .busy)
    }

    @Test("an answer is found among many events and late answers")
    func events() throws {
        let event = "{\"event\": \"RTC_CHANGE\", \"data\": {\"offset\": [1, {}]}}\n"
        let events = String(repeating: event, count: 5000)
        let monitor = try FakeMonitor(greeting: "{\"QMP\": {}}\n" + event) { found, id in
            "\(events){\"id\": \(id - 1), \"error\": {\"desc\": \"late\"}}\n\(event)"
                + Self.answer(found, id) + event
        }
        #expect(try Self.ask(monitor).get() == "running")
    }

    @Test(
        "an endless message is refused before it fills the memory",
        arguments: [
            "{\"event\": \"", "{\"event\": \"X\", ", "{\"a\": [\"b\", ",
        ])
    func endless(start: String) throws {
        let text = String(repeating: "\"a\": 1, ", count: 600_000)
        let string = String(repeating: "x", count: 5_000_000)
        let monitor = try FakeMonitor(greeting: start + (start.hasSuffix("\"") ? string : text)) {
            _, _ in nil
        }
        #expect(Self.code(monitor) == .unsupported)
    }

    @Test("a peer that sends its bytes too slowly causes a timeout")
    func slow() throws {
        for command in [nil, "qmp_capabilities", "query-status"] {
            let flood = FakeMonitor.Flood(after: command, " ", every: 20_000)
            let greeting = command == nil ? "" : "{\"QMP\": {}}\n"
            let monitor = try FakeMonitor(greeting: greeting, flood: flood) {
                Self.answer($0, $1)
            }
            #expect(Self.code(monitor, isSilent: true) == .busy, "\(command ?? "greeting")")
        }
    }
}
