import Foundation
import SystemPackage
import TestSupport
import Testing

private let archive = ProcessInfo.processInfo.environment["SNAP_CORPUS"]

/// Tests with four phases of a real 128 MiB guest, from the archive that `SNAP_CORPUS` names.
@Suite(
    "A recorded guest", .serialized, .slow, .needs("zstd", "tar"),
    .enabled(if: archive != nil, "SNAP_CORPUS does not name an archive of recorded guests"))
struct RecordedGuestTests {
    /// Unpacks the files of one format: `mem`, `mig` or `elf`.
    private static func unpack(
        _ form: String = "mem", into scratch: Scratch
    ) throws -> [FilePath] {
        let path = try #require(archive)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", "zstd -q -d --long=30 -c \"$0\" | tar -x --sparse -C \"$1\" --wildcards \"*.$2\"",
            path, scratch.path.string, form,
        ]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return (1...4).map { scratch.file("phase\($0).\(form)") }
    }

    private static func isEqual(_ left: FilePath, _ right: FilePath) -> Bool {
        FileManager.default.contentsEqual(atPath: left.string, andPath: right.string)
    }

    @Test("four images and the first one again have the expected counts and restore exactly")
    func phases() throws {
        let command = try Command()
        let images = try Self.unpack(into: command.scratch)
        let expected = [(22_150, 0), (6_236, 2), (311, 4), (2_823, 16)]
        for (level, jobs) in [(1, 2), (0, 8), (6, 1)] {
            let guest = "level\(level)"
            for (image, (changed, becameZero)) in zip(images, expected) {
                let saved = try command.run(
                    "save", image.string, "--guest", guest, "--level", "\(level)", "--jobs",
                    "\(jobs)", "--json")
                #expect(saved.status == 0, "\(saved.errors)")
                let pages = saved.pages
                let found = ["literal", "delta", "duplicate"].reduce(0) { $0 + (pages[$1] ?? 0) }
                #expect(found == changed && pages["becameZero"] == becameZero)
                #expect(pages["total"] == 32768)
            }
            let again = try command.run(
                "save", images[0].string, "--guest", guest, "--level", "\(level)", "--json")
            #expect(again.status == 0)
            let unchanged = try command.run("save", images[0].string, "--guest", guest, "--json")
            #expect(unchanged.json["storedByteCount"] as? Int ?? Int.max < 8192)
            for (number, image) in [
                (4, images[3]), (1, images[0]), (5, images[0]), (3, images[2]), (2, images[1]),
            ] {
                let restored = try command.run(
                    "restore", "\(guest):\(number)", "out", "--jobs", "\(jobs)")
                #expect(restored.status == 0, "\(restored.errors)")
                #expect(Self.isEqual(command.scratch.file("out"), image))
                try FileManager.default.removeItem(atPath: command.scratch.file("out").string)
            }
        }
    }

    @Test("four streams from files and through pipes restore exactly")
    func streams() throws {
        let command = try Command()
        let scratch = command.scratch
        let streams = try Self.unpack("mig", into: scratch)
        let images = try Self.unpack(into: scratch)
        for (index, (stream, image)) in zip(streams, images).enumerated() {
            let number = 2 * index + 1
            let saved = try command.run("save", stream.string, "--guest", "file", "--json")
            #expect(saved.status == 0, "\(saved.errors)")
            #expect(saved.json["deviceSectionCount"] as? Int == 32)
            let process = command.process(["save", "-", "--guest", "pipe"])
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = [
                "-c", "cat \"$0\" | \"$1\" save - --guest pipe --quiet", stream.string,
                Command.path,
            ]
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            let scan = StreamScan(try Data(contentsOf: URL(fileURLWithPath: stream.string)))
            // A number is never used again: the deleted checkpoint below has used one.
            for (guest, number) in [("file", 2 * index + 1), ("pipe", index + 1)] {
                let restored = try command.run(
                    "restore", "\(guest):\(number)", "out", "--ram-block", "ram",
                    "--device-state", "state")
                #expect(restored.status == 0, "\(restored.errors)")
                #expect(Self.isEqual(scratch.file("out"), image))
                #expect(try bytes(of: scratch.file("state")) == Self.rest(of: stream, scan))
                for name in ["out", "state"] {
                    try FileManager.default.removeItem(atPath: scratch.file(name).string)
                }
            }
            // A stream written for QEMU, saved again, has the same memory.
            let again = try command.run("restore", "file:\(number)", "again", "--format", "qemu")
            #expect(again.status == 0, "\(again.errors)")
            let second = try command.run(
                "save", "again", "--guest", "file", "--parent", "file:\(number)", "--json")
            #expect(second.pages["unchanged"].map { $0 > 20_000 } == true, "\(second.errors)")
            #expect(second.pages["literal"] == 0 && second.pages["delta"] == 0)
            #expect(try command.run("delete", "file:\(number + 1)").status == 0)
            try FileManager.default.removeItem(atPath: scratch.file("again").string)
        }
    }

    /// Returns the bytes of a stream without its RAM.
    private static func rest(of stream: FilePath, _ scan: StreamScan) throws -> [UInt8] {
        let data = try Data(contentsOf: URL(fileURLWithPath: stream.string), options: .alwaysMapped)
        var rest: [UInt8] = []
        var end = 0
        for range in scan.ram {
            rest += data[end..<range.lowerBound]
            end = range.upperBound
        }
        return rest + data[end...]
    }

    @Test("a stream stores the same pages as an image of its RAM, and its ROMs")
    func streamAfterImage() throws {
        let command = try Command()
        let images = try Self.unpack(into: command.scratch)
        let streams = try Self.unpack("mig", into: command.scratch)
        let scan = StreamScan(try Data(contentsOf: URL(fileURLWithPath: streams[1].string)))
        let others = scan.blocks.filter { $0.name != "ram" }.reduce(0) { $0 + $1.byteCount }
        #expect(scan.blocks.contains { $0.name == "ram" && $0.byteCount == 128 << 20 })
        var saved: [Command.Outcome] = []
        for (guest, path) in [("image", images[1]), ("stream", streams[1])] {
            let first = try command.run("save", images[0].string, "--guest", guest)
            #expect(first.status == 0, "\(first.errors)")
            saved.append(try command.run("save", path.string, "--guest", guest, "--json"))
            #expect(saved.last?.status == 0, "\(saved.last?.errors ?? "")")
        }
        #expect(saved[1].json["parent"] as? Int == 1)
        let stored = saved.map { outcome in
            ["literal", "delta", "duplicate"].reduce(0) { $0 + (outcome.pages[$1] ?? 0) }
        }
        let used = saved.map { ($0.pages["total"] ?? 0) - ($0.pages["zero"] ?? 0) }
        #expect(saved[1].pages["unchanged"] == saved[0].pages["unchanged"])
        #expect(saved[1].pages["becameZero"] == saved[0].pages["becameZero"])
        // All pages of the ROMs that are not zero are new.
        #expect(stored[1] - stored[0] == used[1] - used[0])
        #expect((1...others / 4096).contains(used[1] - used[0]))
        let sizes = saved.map { $0.json["storedByteCount"] as? Int ?? 0 }
        let devices = saved[1].json["deviceStateByteCount"] as? Int ?? 0
        #expect((sizes[0]...sizes[0] + others + devices).contains(sizes[1]), "\(sizes)")
    }

    @Test("an ELF core is refused with a message that names the format")
    func cores() throws {
        let command = try Command()
        let cores = try Self.unpack("elf", into: command.scratch)
        for core in cores {
            let saved = try command.run("save", core.string, "--guest", "a")
            #expect(saved.status == 76 && saved.errors.contains("ELF"), "\(saved.errors)")
        }
        #expect(!exists(command.scratch.store))
    }

    @Test("device states share bases in every order, with deletions between, and restore exactly")
    func deviceStates() throws {
        let command = try Command()
        let streams = try Self.unpack("mig", into: command.scratch)
        let states = try Self.deviceStates(of: streams, command)
        try write([UInt8](repeating: 1, count: 16384), to: command.scratch.file("small"))
        var generator = Seeded(16)
        var shareCount = 0
        for (index, order) in Self.orders.enumerated() {
            let guest = "order\(index)"
            var left: [Int: FilePath] = [:]
            for (number, phase) in zip(1..., order) {
                let saved = try command.run(
                    "save", "small", "--guest", guest, "--device-state",
                    "dev=\(states[phase].string)", "--json")
                #expect(saved.status == 0 && saved.errors.isEmpty, "\(order): \(saved.errors)")
                left[number] = states[phase]
                if Bool.random(using: &generator),
                    let victim = left.keys.sorted().dropLast().randomElement(using: &generator)
                {
                    left[victim] = nil
                    let deleted = try command.run("delete", "\(guest):\(victim)")
                    #expect(deleted.status == 0, "\(order): \(deleted.errors)")
                }
            }
            for (number, state) in left {
                let restored = try command.run(
                    "restore", "\(guest):\(number)", "out", "--device-state", "dev", "--force")
                #expect(restored.status == 0, "\(order): \(restored.errors)")
                #expect(Self.isEqual(command.scratch.file("dev"), state), "\(order): \(number)")
                let shown = try command.run("show", "\(guest):\(number)", "--json")
                if shown.json["deviceStateBaseNumber"] is Int { shareCount += 1 }
            }
        }
        #expect(shareCount > Self.orders.count)
    }

    /// Saves streams, and restores the device state of each into a file.
    private static func deviceStates(
        of streams: [FilePath], _ command: Command
    ) throws -> [FilePath] {
        try zip(1..., streams).map { number, stream in
            let state = command.scratch.file("state\(number)")
            let saved = try command.run("save", stream.string, "--guest", "streams")
            #expect(saved.status == 0, "\(saved.errors)")
            let restored = try command.run(
                "restore", "streams:\(number)", "out", "--device-state", state.string, "--force")
            #expect(restored.status == 0, "\(restored.errors)")
            return state
        }
    }

    /// All orders of the four phases.
    private static let orders = (0..<24).map { index in
        var rest = Array(0..<4)
        return [6, 2, 1, 1].map { step in rest.remove(at: index / step % rest.count) }
    }
}
