import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("QEMU streams on the command line")
struct StreamCommandTests {
    /// Runs a command with a file's bytes in a pipe as standard input.
    private static func run(
        _ command: Command, _ arguments: [String], input: FilePath
    ) throws -> (status: Int32, errors: String) {
        let process = command.process(arguments)
        let feeder = Process()
        feeder.executableURL = URL(fileURLWithPath: "/bin/cat")
        feeder.arguments = [input.string]
        let (pipe, errors) = (Pipe(), Pipe())
        feeder.standardOutput = pipe
        feeder.standardError = FileHandle.nullDevice
        process.standardInput = pipe
        process.standardOutput = FileHandle.nullDevice
        process.standardError = errors
        try feeder.run()
        try process.run()
        // The command must see the end of the input when the feeder ends.
        try pipe.fileHandleForWriting.close()
        try pipe.fileHandleForReading.close()
        let text = String(
            decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        feeder.waitUntilExit()
        return (process.terminationStatus, text)
    }

    @Test("save - saves a stream from a pipe, and restore writes it to a pipe")
    func pipes() throws {
        let command = try Command()
        var generator = Seeded(8)
        let made = GeneratedStream.random(&generator)
        let stream = try command.scratch.write(made.bytes, to: "stream")
        let saved = try Self.run(command, ["save", "-", "--guest", "a"], input: stream)
        #expect(saved.status == 0, "\(saved.errors)")
        for (name, image) in made.ram {
            let restored = try command.run("restore", "a:1", "out", "--ram-block", name)
            #expect(restored.status == 0, "\(restored.errors)")
            #expect(try image.equals(command.scratch.file("out")), "\(name)")
            try FileManager.default.removeItem(atPath: command.scratch.file("out").string)
        }
        let first = try command.run("restore", "a:1", "-", "--format", "qemu")
        #expect(first.status == 0 && first.output.starts(with: Array("QEVM".utf8)))
        let again = try command.scratch.write(first.output, to: "again")
        let second = try Self.run(command, ["save", "-", "--guest", "a"], input: again)
        #expect(second.status == 0, "\(second.errors)")
        #expect(try command.run("restore", "a:2", "-", "--format", "qemu").output == first.output)
        let show = try command.run("show", "a:2", "--json")
        #expect(show.pages["literal"] == 0 && show.pages["delta"] == 0)
        let file = try command.run("save", "stream", "--guest", "b", "--format", "qemu")
        #expect(file.status == 0, "\(file.errors)")
        let state = try command.run("restore", "b", "all", "--device-state", "state")
        #expect(state.status == 0, "\(state.errors)")
        #expect(try bytes(of: command.scratch.file("state")) == made.bytesWithoutRAM)
        #expect(
            try bytes(of: command.scratch.file("all"))
                == made.blockNames.flatMap { made.ram[$0]?.bytes ?? [] })
    }

    @Test("a pipe without a complete supported stream is refused and saves nothing")
    func refused() throws {
        let command = try Command()
        let made = SmallStream.plain.made()
        let complete = try command.scratch.write(made.bytes, to: "complete")
        #expect(try Self.run(command, ["save", "-", "--guest", "a"], input: complete).status == 0)
        let inputs: [(Int32, [UInt8])] = [
            (65, []), (65, Array("QEV".utf8)), (76, GeneratedImage.text(1)),
            (65, Array(made.bytes.prefix(300))),
            (76, Array("QEVM".utf8) + [0, 0, 0, 2]),
            (76, SmallStream.ignoreShared.made().bytes),
        ]
        for (status, bytes) in inputs {
            let input = try command.scratch.write(bytes, to: "input")
            for guest in ["a", "b"] {
                let saved = try Self.run(command, ["save", "-", "--guest", guest], input: input)
                #expect(saved.status == status, "\(bytes.count) bytes: \(saved.errors)")
                #expect(saved.errors.hasPrefix("snap: "), "\(saved.errors)")
            }
        }
        #expect(try command.run("list", "--quiet").text == "a:1\n")
    }

    @Test("RAM blocks in separate files are saved and restored by name")
    func blocks() throws {
        let command = try Command()
        var images: [GeneratedImage] = []
        for (index, count) in [600, 3].enumerated() {
            var image = GeneratedImage(pageCount: count)
            for page in stride(from: 0, to: count, by: 2) {
                image.pages[page] = GeneratedImage.text(page + index * 1000)
            }
            try image.write(to: command.scratch.file("block\(index)"))
            images.append(image)
        }
        let saved = try command.run(
            "save", "--ram-block", "pc.ram=block0@0x100000", "--ram-block",
            "/rom@etc/x=block1", "--guest", "a", "--json")
        #expect(saved.status == 0, "\(saved.errors)")
        #expect(saved.pages["total"] == 603 && saved.pages["literal"] == 302)
        let show = try command.run("show", "a", "--json")
        let blocks = try #require(show.json["ramBlocks"] as? [[String: Any]])
        #expect(blocks.map { $0["name"] as? String } == ["pc.ram", "/rom@etc/x"])
        #expect(blocks.map { $0["byteCount"] as? Int } == [600 * 4096, 3 * 4096])
        for (name, image) in zip(["pc.ram", "/rom@etc/x"], images) {
            let restored = try command.run("restore", "a", "-", "--ram-block", name)
            #expect(restored.output == image.bytes, "\(name)")
        }
        #expect(try command.run("restore", "a", "-").output == images.flatMap(\.bytes))
        images[1].pages[1] = GeneratedImage.text(77)
        try images[1].write(to: command.scratch.file("block1"))
        try command.scratch.write(images[0].bitmap([]), to: "clean")
        let second = try command.run(
            "save", "--ram-block", "pc.ram=block0", "--ram-block", "/rom@etc/x=block1",
            "--guest", "a", "--parent", "a:1", "--dirty-bitmap", "pc.ram=clean", "--json")
        #expect(second.status == 0, "\(second.errors)")
        #expect(second.pages["unchanged"] == 302 && second.pages["zero"] == 300)
        let failures: [(Int32, [String])] = [
            (66, ["restore", "a", "out", "--ram-block", "pc.rom"]),
            (66, ["restore", "a", "out", "--format", "qemu"]),
            (64, ["restore", "a", "out", "--format", "qemu", "--ram-block", "pc.ram"]),
            (64, ["restore", "a", "out", "--format", "elf"]),
            (64, ["save", "--ram-block", "a=block0", "--ram-block", "a=block1", "--guest", "a"]),
            (64, ["save", "--ram-block", "=block0", "--guest", "a"]),
            (66, ["save", "--ram-block", "a=missing", "--guest", "a"]),
        ]
        for (status, arguments) in failures {
            let process = command.process(arguments)
            process.standardError = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == status, "\(arguments)")
            #expect(!exists(command.scratch.file("out")))
        }
    }
}
