import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("Saving all guests of a directory")
struct GuestDirectoryTests {
    private let command: Command

    init() throws {
        command = try Command()
        try FileManager.default.createDirectory(
            atPath: folder.string, withIntermediateDirectories: true)
    }

    private var folder: FilePath { command.scratch.file("sockets") }

    private func link(_ name: String, to path: FilePath) throws {
        try FileManager.default.createSymbolicLink(
            atPath: folder.appending(name).string, withDestinationPath: path.string)
    }

    /// Creates a QEMU whose guest is in a state, and which refuses all other commands.
    private func monitor(_ state: String) throws -> FakeMonitor {
        try FakeMonitor { command, id in
            switch command {
            case "qmp_capabilities": "{\"return\": {}, \"id\": \(id)}\n"
            case "query-status":
                """
                {"return": {"status": "\(state)", "running": \(state == "running")}, "id": \(id)}

                """
            default: "{\"error\": {\"desc\": \"not now\"}, \"id\": \(id)}\n"
            }
        }
    }

    @Test("guests that do not run are skipped, and an empty directory is not an error")
    func idle() throws {
        #expect(try command.run("save", "--qmp-dir", "sockets").text == "0 guests saved\n")
        let paused = try monitor("paused")
        try link("web1.qmp.sock", to: paused.path)
        try link("web2.sock", to: command.scratch.file("gone"))
        try command.scratch.write([1], to: "sockets/notes.txt")
        let saved = try withExtendedLifetime(paused) {
            try command.run("save", "--qmp-dir", "sockets", "--json")
        }
        #expect(saved.status == 0 && saved.errors.isEmpty)
        let skipped = try #require(saved.json["skipped"] as? [[String: Any]])
        #expect(
            skipped.map { $0["socket"] as? String } == [
                "sockets/web1.qmp.sock", "sockets/web2.sock",
            ])
        #expect((skipped[0]["message"] as? String)?.contains("paused") == true)
        #expect((saved.json["saved"] as? [Any])?.isEmpty == true)
        #expect((saved.json["failed"] as? [Any])?.isEmpty == true)
        #expect(!exists(command.scratch.store))
    }

    @Test("a failure does not end the command, and the status is 4 at the end")
    func failures() throws {
        let refusing = try [monitor("running"), monitor("running")]
        try link("a.qmp", to: refusing[0].path)
        try link("b.qmp", to: refusing[1].path)
        try link("twice.qmp", to: command.scratch.file("gone"))
        try link("twice.sock", to: command.scratch.file("gone"))
        try link("not a guest.qmp", to: command.scratch.file("gone"))
        let saved = try withExtendedLifetime(refusing) {
            try command.run("save", "--qmp-dir", "sockets")
        }
        #expect(saved.status == 4 && saved.text == "0 guests saved, 5 failed\n")
        for text in [
            "saving 5 of 5 guests failed", "not a valid name of a guest", "second guest twice",
        ] {
            #expect(saved.errors.contains(text), "\(text): \(saved.errors)")
        }
        // A FakeMonitor serves one connection, so the save itself cannot connect.
        #expect(saved.errors.contains("sockets/a.qmp") && saved.errors.contains("sockets/b.qmp"))
    }

    @Test("options that name one guest are refused")
    func options() throws {
        for arguments in [
            ["--qmp-dir", "sockets", "--guest", "a"], ["--qmp-dir", "sockets", "--parent", "a:1"],
            ["--qmp-dir", "sockets", "--qmp", "a"], ["mem"], ["mem", "--guest", "a", "--live"],
            ["--qmp", "a", "--guest", "a", "--live-timeout", "3"],
            ["--qmp", "a", "--guest", "a", "--live", "--live-timeout", "0"],
            ["mem", "--guest", "a", "--while-paused", "exit"],
            ["--qmp", "a", "--guest", "a", "--while-paused-timeout", "3"],
        ] {
            let outcome = try command.run(["save"] + arguments, secondsAtMost: 60)
            #expect(outcome.status == 64, "\(arguments)")
        }
        #expect(try command.run("save", "--qmp-dir", "missing").status == 66)
    }
}
