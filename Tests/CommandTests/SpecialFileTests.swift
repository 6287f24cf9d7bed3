import Foundation
import SystemPackage
import TestSupport
import Testing

/// Tests of paths that are not regular files: snap must not block on them.
@Suite("FIFOs, sockets, devices and links")
struct SpecialFileTests {
    private let command: Command
    private let image: GeneratedImage

    init() throws {
        command = try Command()
        var image = GeneratedImage(pageCount: 8)
        image.fillWithText(0..<8)
        self.image = image
        try image.write(to: command.scratch.file("image"))
        try #require(try command.run("save", "image", "--guest", "a").status == 0)
        try #require(mkfifo(command.scratch.file("fifo").string, 0o600) == 0)
        close(try UnixSocket.bind(to: command.scratch.file("socket")))
    }

    /// Runs the command, for at most 20 seconds.
    private func run(_ arguments: [String]) throws -> (status: Int32, errors: String) {
        let process = command.process(arguments)
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let timer = Process()
        timer.executableURL = URL(fileURLWithPath: "/bin/sh")
        timer.arguments = ["-c", "sleep 20; kill -9 \(process.processIdentifier)"]
        try timer.run()
        let text = String(
            decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        timer.terminate()
        return (process.terminationStatus, text)
    }

    @Test(
        "special files are refused as inputs without blocking",
        arguments: ["fifo", "socket", "/dev/zero", "/dev/tty"])
    func inputs(name: String) throws {
        let cases: [[String]] = [
            ["save", name, "--guest", "a"], ["save", name, "--guest", "a", "--format", "raw"],
            ["save", "--ram-block", "r=\(name)", "--guest", "a"],
            ["save", "image", "--guest", "a", "--device-state", "d=\(name)"],
            ["save", "image", "--guest", "a", "--parent", "a:1", "--dirty-bitmap", name],
        ]
        for arguments in cases {
            let outcome = try run(arguments)
            // Without a controlling terminal, /dev/tty cannot be opened at all.
            #expect([66, 74].contains(outcome.status), "\(arguments): \(outcome)")
            if name == "fifo" {
                #expect(outcome.status == 66, "\(arguments): \(outcome)")
                #expect(outcome.errors.contains("is a FIFO"), "\(arguments): \(outcome)")
            }
        }
        #expect(try command.run("list", "-q").text == "a:1\n")
    }

    @Test(
        "special files are refused as outputs without blocking",
        arguments: ["fifo", "socket", "/dev/full"])
    func outputs(name: String) throws {
        let cases: [(Int32, [String])] = [
            (73, ["restore", "a", name]), (73, ["restore", "a", name, "--force"]),
            (78, ["restore", "a", name, "--in-place"]), (73, ["report", name, "--force"]),
        ]
        for (status, arguments) in cases {
            let outcome = try run(arguments)
            #expect(outcome.status == status, "\(arguments): \(outcome)")
        }
    }

    @Test(
        "no command blocks on a FIFO in a store",
        .slow,
        arguments: [
            "store.json", "lock", "index.sqlite", "index.sqlite-journal", "index.sqlite-wal",
            "guests/a/0000000001.savevm", "guests/a/0000000009.savevm", "guests/a/writer.lock",
            "guests/a/reader.lock",
        ])
    func stored(name: String) throws {
        let path = command.scratch.store.appending(name)
        try? FileManager.default.removeItem(atPath: path.string)
        try #require(mkfifo(path.string, 0o600) == 0)
        for arguments in [
            ["list"], ["verify"], ["reindex"], ["save", "image", "--guest", "a"],
            ["restore", "a:1", "-"], ["delete", "a:1", "--allow-last"], ["map", "a:1"],
        ] {
            let outcome = try run(arguments)
            #expect(outcome.status != 9 && outcome.status < 128, "\(arguments): \(outcome)")
        }
    }

    @Test("a symbolic link is not replaced, and the hint names its target")
    func links() throws {
        let scratch = command.scratch
        try scratch.write([7, 7], to: "target")
        for (link, target) in [("link", "target"), ("dangling", "nothing")] {
            try #require(symlink(target, scratch.file(link).string) == 0)
            for arguments in [
                ["restore", "a", link], ["restore", "a", link, "--force"],
                ["report", link, "--force"],
                ["restore", "a", "out", "--device-state", link, "--force"],
            ] {
                let outcome = try run(arguments)
                let isDevices = arguments.contains("--device-state")
                #expect(outcome.status == (isDevices ? 66 : 73), "\(arguments): \(outcome)")
                guard !isDevices else { continue }
                #expect(outcome.errors.contains("symbolic link"), "\(outcome)")
                let hint = "hint: name the file itself: \(target)"
                #expect(outcome.errors.contains(hint), "\(outcome)")
            }
            let kept = try FileManager.default.destinationOfSymbolicLink(
                atPath: scratch.file(link).string)
            #expect(kept == target)
        }
        #expect(try bytes(of: scratch.file("target")) == [7, 7])
        #expect(!exists(scratch.file("nothing")))
    }
}
