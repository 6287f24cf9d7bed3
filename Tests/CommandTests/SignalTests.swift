import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("Signals and full disks")
struct SignalTests {
    /// An image that takes long enough to save that a signal can interrupt the save.
    private static func image(_ seed: Int) -> GeneratedImage {
        var image = GeneratedImage(pageCount: 512 * 16)
        for page in 0..<image.pageCount { image.pages[page] = GeneratedImage.text(page * 7 + seed) }
        return image
    }

    /// Starts a command and sends it a signal after a delay.
    private static func run(
        _ command: Command, _ arguments: [String], signal: Int32, after microseconds: UInt32
    ) throws -> Process {
        let process = command.process(arguments)
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        usleep(microseconds)
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        return process
    }

    @Test(
        "after a signal at any moment of a save the next save and restore work",
        .slow,
        arguments: [SIGKILL, SIGINT, SIGTERM])
    func save(signal: Int32) throws {
        let command = try Command()
        let scratch = command.scratch
        let images = (0..<2).map { Self.image($0) }
        for (index, image) in images.enumerated() {
            try image.write(to: scratch.file("image\(index)"))
        }
        try scratch.write([1, 2, 3], to: "dev")
        var interruptedCount = 0
        for attempt in 0..<40 {
            let arguments = [
                "save", "image\(attempt % 2)", "--guest", "a", "--device-state", "dev", "--level",
                "6", "--full",
            ]
            let process = try Self.run(
                command, arguments, signal: signal, after: UInt32(attempt * 2500))
            if process.terminationReason == .uncaughtSignal {
                // Any of the signals kills the process until snap has installed its handlers.
                #expect(process.terminationStatus == signal)
                interruptedCount += 1
            } else if process.terminationStatus != 0 {
                #expect(process.terminationStatus == 130)
                interruptedCount += 1
            }
            let next = try command.run("save", "image\(attempt % 2)", "--guest", "a", "--json")
            #expect(next.status == 0, "\(next.errors)")
            #expect(next.errors.isEmpty, "\(next.errors)")
            let number = try #require(next.json["number"] as? Int)
            #expect(try command.run("restore", "a:\(number)", "out").status == 0)
            #expect(try images[attempt % 2].equals(scratch.file("out")))
            try FileManager.default.removeItem(atPath: scratch.file("out").string)
        }
        #expect(interruptedCount > 5, "\(interruptedCount) of 40 were interrupted")
        // Every listed checkpoint restores.
        for reference in try command.run("list", "--quiet").text.split(separator: "\n") {
            #expect(try command.run("restore", String(reference), "-").status == 0)
        }
        let left = try names(in: scratch.guest("a")).filter { $0.hasPrefix(".snap-") }
        #expect(left.isEmpty)
    }

    @Test(
        "after a signal at any moment of a deletion all other checkpoints restore",
        .slow,
        arguments: [SIGKILL, SIGTERM])
    func delete(signal: Int32) throws {
        let command = try Command()
        let scratch = command.scratch
        var generator = Seeded(9)
        var image = GeneratedImage(pageCount: 700)
        image.edit(300, &generator)
        var saved: [String: GeneratedImage] = [:]
        for attempt in 0..<25 {
            for _ in 0..<(attempt == 0 ? 6 : 2) {
                image.edit(10, &generator)
                try image.write(to: scratch.file("image"))
                let next = try command.run("save", "image", "--guest", "a", "--json")
                #expect(next.status == 0 && next.errors.isEmpty, "\(next.errors)")
                saved["a:\(try #require(next.json["number"] as? Int))"] = image
            }
            let victims = saved.keys.shuffled(using: &generator).prefix(2)
            _ = try Self.run(
                command, ["delete"] + victims, signal: signal, after: UInt32(attempt * 800))
            // The interrupted command may or may not have deleted them.
            for victim in victims {
                let again = try command.run("delete", victim)
                #expect(again.status == 0 || again.status == 66, "\(again.errors)")
                saved[victim] = nil
            }
        }
        let list = try command.run("list", "--quiet").text.split(separator: "\n").map(String.init)
        #expect(Set(list) == Set(saved.keys))
        for (reference, image) in saved {
            #expect(try command.run("restore", reference, "out", "--force").status == 0)
            #expect(try image.equals(scratch.file("out")), "\(reference)")
        }
    }

    @Test(
        "after a signal at any moment of a restore in place the same command completes it",
        .slow,
        arguments: [SIGKILL, SIGTERM])
    func inPlace(signal: Int32) throws {
        let command = try Command()
        let images = (0..<2).map { Self.image($0) }
        for image in images {
            try image.write(to: command.scratch.file("image"))
            #expect(try command.run("save", "image", "--guest", "a").status == 0)
        }
        for attempt in 0..<20 {
            let arguments = ["restore", "a:\(attempt % 2 + 1)", "image", "--in-place"]
            _ = try Self.run(command, arguments, signal: signal, after: UInt32(attempt * 1500))
            let again = try command.run("restore", arguments[1], "image", "--in-place")
            #expect(again.status == 0, "\(again.errors)")
            #expect(try images[attempt % 2].equals(command.scratch.file("image")))
        }
    }

    @Test("an interrupted restore leaves no output", .slow, arguments: [SIGKILL, SIGINT])
    func restore(signal: Int32) throws {
        let command = try Command()
        let image = Self.image(0)
        try image.write(to: command.scratch.file("image"))
        #expect(try command.run("save", "image", "--guest", "a").status == 0)
        for attempt in 0..<20 {
            _ = try Self.run(
                command, ["restore", "a", "out"], signal: signal,
                after: UInt32(attempt * 1500))
            let output = command.scratch.file("out")
            if exists(output) {
                #expect(try image.equals(output))
                try FileManager.default.removeItem(atPath: output.string)
            }
            let strays = try names(in: command.scratch.path).filter { $0.hasPrefix(".snap-") }
            #expect(strays.isEmpty)
        }
        #expect(try command.run("restore", "a", "out").status == 0)
    }

    @Test("a closed pipe ends a restore with an error")
    func closedPipe() throws {
        let command = try Command()
        try Self.image(0).write(to: command.scratch.file("image"))
        #expect(try command.run("save", "image", "--guest", "a").status == 0)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", "(\"$0\" restore a - 2>err; echo $? >status) | head -c 10 >/dev/null",
            Command.path,
        ]
        process.environment = command.environment
        process.currentDirectoryURL = URL(fileURLWithPath: command.scratch.path.string)
        try process.run()
        process.waitUntilExit()
        #expect(try bytes(of: command.scratch.file("status")) == Array("74\n".utf8))
    }

    @Test(
        "a save on a full file system fails and leaves the existing checkpoints intact",
        .slow, .needsMounts)
    func fullDisk() throws {
        var command = try Command()
        let mounted = try Mount(size: "3m", in: command.scratch)
        defer { mounted.unmount() }
        let mount = mounted.path
        var image = GeneratedImage(pageCount: 2000)
        image.fillWithText(0..<100)
        try image.write(to: command.scratch.file("image"))
        command.environment["SNAP_STORE"] = mount.appending("store").string
        #expect(try command.run("save", "image", "--guest", "a").status == 0)
        var generator = Seeded(1)
        var larger = image
        for page in 0..<1500 { larger.pages[page] = GeneratedImage.noise(&generator) }
        try larger.write(to: command.scratch.file("larger"))
        let before = try names(in: mount.appending("store/guests/a"))
        let failed = try command.run("save", "larger", "--guest", "a")
        #expect(failed.status == 74, "\(failed.errors)")
        #expect(failed.errors.contains("No space left on device"))
        #expect(try names(in: mount.appending("store/guests/a")) == before)
        #expect(try command.run("save", "image", "--guest", "a").status == 0)
        #expect(try command.run("restore", "a:2", "out").status == 0)
        #expect(try image.equals(command.scratch.file("out")))
        let output = try command.run("restore", "a:2", mount.appending("out").string)
        #expect(output.status == 0, "a sparse output of 100 pages fits")
    }

    @Test(
        "on a full file system a deletion frees space, and a restore in place works",
        .slow, .needsMounts)
    func fullDiskDeletion() throws {
        var command = try Command()
        let mounted = try Mount(size: "4m", in: command.scratch)
        defer { mounted.unmount() }
        let mount = mounted.path
        var generator = Seeded(1)
        var image = GeneratedImage(pageCount: 600)
        for page in 0..<300 { image.pages[page] = GeneratedImage.noise(&generator) }
        try image.write(to: command.scratch.file("image"))
        let store = command.environment
        command.environment["SNAP_STORE"] = mount.appending("store").string
        for _ in 0..<2 {
            #expect(try command.run("save", "image", "--guest", "a", "--full").status == 0)
        }
        _ = try Mount.tool(
            "/bin/dd", "if=/dev/zero", "of=\(mount.appending("filler"))", "bs=4096")
        let deleted = try command.run("delete", "a:1")
        #expect(deleted.status == 0, "\(deleted.errors)")
        #expect(deleted.text.hasPrefix("a:1  deleted\nfreed 1.1 MiB"), "\(deleted.text)")
        #expect(try command.run("list", "--quiet").text == "a:2\n")
        try FileManager.default.removeItem(atPath: mount.appending("store").string)
        // The pages that become zero free the space for the pages that become nonzero.
        command.environment = store
        var mirrored = GeneratedImage(pageCount: 600)
        for page in 0..<300 { mirrored.pages[page + 300] = GeneratedImage.noise(&generator) }
        try mirrored.write(to: command.scratch.file("mirrored"))
        #expect(try command.run("save", "image", "--guest", "b").status == 0)
        #expect(try command.run("save", "mirrored", "--guest", "b").status == 0)
        try image.write(to: mount.appending("memory"))
        for (reference, expected) in [("b:2", mirrored), ("b:1", image)] {
            let restored = try command.run(
                "restore", reference, mount.appending("memory").string, "--in-place")
            #expect(restored.status == 0, "\(restored.errors)")
            #expect(try expected.equals(mount.appending("memory")))
        }
    }

    @Test(
        "a store on a read-only file system can be read",
        .slow, .needsMounts)
    func readOnly() throws {
        var command = try Command()
        let image = Self.image(0)
        try image.write(to: command.scratch.file("image"))
        let mounted = try Mount(size: "64m", in: command.scratch)
        defer { mounted.unmount() }
        let mount = mounted.path
        command.environment["SNAP_STORE"] = mount.appending("store").string
        #expect(try command.run("save", "image", "--guest", "a").status == 0)
        #expect(try Mount.tool("/bin/mount", "-o", "remount,ro", mount.string))
        #expect(try command.run("list", "--quiet").text == "a:1\n")
        #expect(try command.run("restore", "a", "out").status == 0)
        #expect(try image.equals(command.scratch.file("out")))
        #expect(try command.run("save", "image", "--guest", "a").status == 77)
    }
}
