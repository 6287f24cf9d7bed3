import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("The command")
struct CommandTests {
    private static func image(_ count: Int = 600) -> GeneratedImage {
        var image = GeneratedImage(pageCount: count)
        image.fillWithText(stride(from: 0, to: count, by: 3))
        return image
    }

    @Test("save, list, show and restore work with the arguments that a user types")
    func mainJob() throws {
        let command = try Command()
        var image = Self.image()
        try image.write(to: command.scratch.file("web1.mem"))
        try command.scratch.write([1, 2, 3, 0, 255], to: "web1.vmstate")
        let first = try command.run(
            "save", "web1.mem", "--guest", "web1", "--device-state", "web1.vmstate", "--label",
            "before the upgrade", "--json")
        #expect(first.status == 0 && first.errors.isEmpty)
        let expected: Set<String> = [
            "guest", "number", "id", "kind", "parent", "createdAt", "label", "memoryByteCount",
            "pages", "storedByteCount", "deviceSectionCount", "deviceStateByteCount",
            "elapsedSeconds",
        ]
        #expect(Set(first.json.keys) == expected)
        #expect(first.json["parent"] is NSNull)
        #expect(
            first.pages == [
                "total": 600, "zero": 400, "unchanged": 0, "literal": 200, "delta": 0,
                "duplicate": 0, "becameZero": 0, "moved": 0,
            ])
        image.pages[0] = nil
        image.pages[1] = GeneratedImage.text(1)
        try image.write(to: command.scratch.file("web1.mem"))
        let second = try command.run("save", "web1.mem", "--guest", "web1")
        #expect(second.status == 0)
        #expect(second.text.hasPrefix("web1:2  incremental of 1  2.3 MiB  2 pages changed  "))
        let list = try command.run("list")
        let rows = list.text.split(separator: "\n")
        #expect(rows.count == 4 && rows[3].hasPrefix("2 checkpoints, "))
        #expect(rows[0].hasPrefix("GUEST:NUMBER  TIME"))
        #expect(rows[1].hasPrefix("web1:1") && rows[1].hasSuffix("before the upgrade"))
        #expect(try command.run("list", "--quiet").text == "web1:1\nweb1:2\n")
        let json = try JSONSerialization.jsonObject(
            with: Data(try command.run("list", "--json").output))
        let objects = try #require(json as? [[String: Any]])
        #expect(objects.count == 2)
        #expect(Set(objects[0].keys) == expected.subtracting(["elapsedSeconds"]))
        let show = try command.run("show", "web1:1", "--json")
        let sections = try #require(show.json["deviceSections"] as? [[String: Any]])
        #expect(sections.map { $0["name"] as? String } == ["web1.vmstate"])
        #expect(sections.map { $0["byteCount"] as? Int } == [5])
        let blocks = try #require(show.json["ramBlocks"] as? [[String: Any]])
        #expect(blocks.map { $0["byteCount"] as? Int } == [600 * 4096])
        #expect(try command.run("show", "web1@latest~1").text.contains("before the upgrade"))
        let restored = try command.run(
            "restore", "web1", "back.mem", "--jobs", "1", "--sync", "--quiet")
        #expect(restored.status == 0 && restored.output.isEmpty)
        #expect(try image.equals(command.scratch.file("back.mem")))
        let piped = try command.run("restore", "web1:2", "-", "--device-state", "none")
        #expect(piped.status == 66, "checkpoint 2 was saved without device state")
        let pipe = try command.run("restore", "web1:1", "-", "--device-state", "state")
        #expect(pipe.output == Self.image().bytes)
        #expect(try bytes(of: command.scratch.file("state")) == [1, 2, 3, 0, 255])
        #expect(try command.run("reindex").text == "1 guest, 2 checkpoints\n")
    }

    @Test("a dirty bitmap, a restore in place and a deletion work as documented")
    func smallSteps() throws {
        let command = try Command()
        let scratch = command.scratch
        var image = Self.image()
        try image.write(to: scratch.file("mem"))
        #expect(try command.run("save", "mem", "--guest", "a").status == 0)
        let first = image
        image.pages[3]?[100] ^= 1
        image.pages[30] = nil
        try image.write(to: scratch.file("mem"))
        try scratch.write(image.bitmap([3, 4, 30]), to: "dirty")
        let second = try command.run(
            "save", "mem", "--guest", "a", "--parent", "a:1", "--dirty-bitmap", "dirty", "--json")
        #expect(second.pages["delta"] == 1 && second.pages["becameZero"] == 1)
        #expect(second.pages["unchanged"] == 198 && second.pages["zero"] == 401)
        let third = try command.run("save", "mem", "--guest", "a", "--compare-bytes", "--json")
        #expect(third.status == 0 && third.pages["unchanged"] == 199)
        let back = try command.run("restore", "a:1", "mem", "--in-place")
        #expect(back.text.contains("2 pages written"))
        #expect(try first.equals(scratch.file("mem")))
        let again = try command.run("restore", "a:1", "mem", "--in-place", "--json")
        #expect(again.json["writtenPageCount"] as? Int == 0)
        let plan = try command.run("delete", "a:1", "a:3", "--dry-run")
        #expect(plan.text.hasPrefix("a:1  would be deleted\na:3  would be deleted\n"))
        #expect(try command.run("list", "-q").text == "a:1\na:2\na:3\n")
        let deleted = try command.run("delete", "a:1", "a:3", "--json")
        let list = try #require(deleted.json["deleted"] as? [[String: Any]])
        #expect(list.map { $0["number"] as? Int } == [1, 3])
        // The second checkpoint needs pages of the first one's file.
        #expect(deleted.json["keptFileCount"] as? Int == 1)
        #expect(try command.run("list", "-q").text == "a:2\n")
        #expect(try command.run("restore", "a:2", "out").status == 0)
        #expect(try image.equals(scratch.file("out")))
        #expect(try command.run("show", "a:1").status == 66)
    }

    @Test("each failure has its exit status and a message, and changes nothing")
    func statuses() throws {
        let command = try Command()
        try Self.image().write(to: command.scratch.file("image"))
        try command.scratch.write([1, 2, 3], to: "odd")
        #expect(try command.run("list").status == 66)
        #expect(try command.run("save", "image", "--guest", "web1").status == 0)
        try command.scratch.write([], to: "taken")
        let cases: [(Int32, [String])] = [
            (64, ["save"]), (64, ["save", "image", "--guest", "a/b"]), (64, ["frobnicate"]),
            (64, ["save", "image", "--guest", "web1", "--level", "10"]),
            (64, ["save", "image", "--guest", "web1", "--jobs", "0"]),
            (64, ["save", "image", "--guest", "web1", "--full", "--parent", "web1:1"]),
            (64, ["save", "--guest", "web1"]),
            (64, ["save", "image", "--ram-block", "a=image", "--guest", "web1"]),
            (64, ["save", "-", "--format", "raw", "--guest", "web1"]),
            (64, ["save", "--ram-block", "image", "--guest", "web1"]),
            (65, ["save", "-", "--guest", "web1"]),
            (64, ["save", "image", "--guest", "web1", "--dirty-bitmap", "odd"]),
            (64, ["save", "image", "--guest", "web1", "--full", "--dirty-bitmap", "odd"]),
            (
                64,
                [
                    "save", "image", "--guest", "web1", "--parent", "web1", "--dirty-bitmap",
                    "ram=odd",
                ]
            ),
            (
                78,
                ["save", "image", "--guest", "web1", "--parent", "web1", "--dirty-bitmap", "odd"]
            ),
            (64, ["restore", "web1", "image", "--in-place", "--force"]),
            (64, ["restore", "web1", "-", "--in-place"]),
            (78, ["restore", "web1", "odd", "--in-place"]),
            (78, ["restore", "web1", "missing", "--in-place"]),
            (64, ["delete"]), (64, ["delete", "web1"]), (64, ["delete", "web1@latest"]),
            (64, ["delete", "web1:1"]), (66, ["delete", "web1:2"]), (66, ["delete", "web2:1"]),
            (64, ["delete", "abcd"]), (66, ["delete", "web1:1", "--store", "nowhere"]),
            (
                64,
                [
                    "save", "image", "--guest", "web1", "--device-state", "odd", "--device-state",
                    "odd",
                ]
            ),
            (64, ["save", "image", "--guest", "web1", "--device-state-limit", "1X"]),
            (64, ["save", "image", "--guest", "web1", "--device-state-limit", "8388608T"]),
            (
                65,
                [
                    "save", "image", "--guest", "web1", "--device-state", "odd",
                    "--device-state-limit", "1",
                ]
            ),
            (64, ["restore", "web1:x", "out"]), (64, ["list", "--wait", "-1"]),
            (66, ["save", "missing", "--guest", "web1"]), (66, ["save", ".", "--guest", "web1"]),
            (66, ["restore", "web1:7", "out"]), (66, ["show", "web2"]),
            (66, ["list", "--guest", "web2"]), (66, ["list", "--store", "nowhere"]),
            (66, ["restore", "web1", "out", "--device-state", "state"]),
            (73, ["restore", "web1", "taken"]), (73, ["restore", "web1", "no/where"]),
            (78, ["save", "odd", "--guest", "web1"]),
            (73, ["restore", "web1", "/dev/full", "--force"]),
        ]
        for (status, arguments) in cases {
            let process = command.process(arguments)
            let errors = Pipe()
            process.standardError = errors
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            let text = String(
                decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == status, "\(arguments): \(text)")
            #expect(text.hasPrefix("snap: "), "\(arguments): \(text)")
            #expect(!exists(command.scratch.file("out")))
        }
        let json = try command.run("save", "odd", "--guest", "web1", "--json")
        let object = try JSONSerialization.jsonObject(with: Data(json.errors.utf8))
        let error = try #require((object as? [String: [String: Any]])?["error"])
        #expect(error["code"] as? Int == 78 && error["path"] as? String == "odd")
        #expect((error["message"] as? String)?.isEmpty == false)
        #expect(json.output.isEmpty)
        let full = try command.run("restore", "web1", "-")
        #expect(full.status == 0)
        #expect(try command.run("list", "--quiet").text == "web1:1\n", "nothing was saved")
    }

    @Test("help lists each command, and each command's help has examples and statuses")
    func help() throws {
        let command = try Command()
        let root = try command.run("--help")
        #expect(root.status == 0 && root.errors.isEmpty)
        #expect(try command.run("--version").text == "0.1.0\n")
        for name in [
            "save", "list", "show", "restore", "diff", "map", "verify", "delete", "reindex",
            "report",
        ] {
            #expect(root.text.contains("\n  \(name) "), "\(name)")
            let help = try command.run(name, "--help").text
            #expect(help.contains("EXAMPLES") && help.contains("EXIT STATUS"), "\(name)")
        }
    }

    @Test("--store has precedence over $SNAP_STORE, and only the owner can read the store")
    func store() throws {
        let command = try Command()
        try Self.image().write(to: command.scratch.file("image"))
        let given = command.scratch.file("given").string
        #expect(try command.run("save", "image", "--guest", "a", "--store", given).status == 0)
        #expect(exists(FilePath(given).appending("store.json")))
        #expect(!exists(command.scratch.store))
        #expect(try command.run("save", "image", "--guest", "a").status == 0)
        #expect(exists(command.scratch.store))
        var mode = stat()
        #expect(stat(command.scratch.store.string, &mode) == 0 && mode.st_mode & 0o777 == 0o700)
        for name in ["store.json", "index.sqlite", "guests/a/0000000001.savevm"] {
            #expect(stat(command.scratch.store.string + "/" + name, &mode) == 0)
            #expect(mode.st_mode & 0o777 == 0o600, "\(name)")
        }
    }

    @Test(
        "without --store and $SNAP_STORE the store is in the user's home directory",
        .enabled(if: geteuid() != 0, "root's store is in /var/lib, which no test may write"))
    func homeStore() throws {
        var command = try Command()
        try Self.image().write(to: command.scratch.file("image"))
        command.environment["SNAP_STORE"] = nil
        command.environment["HOME"] = command.scratch.path.string
        #expect(try command.run("save", "image", "--guest", "a").status == 0)
        #expect(exists(command.scratch.file(".local/state/snap/store.json")))
    }

    @Test("control characters in a label are escaped on output")
    func labels() throws {
        let command = try Command()
        try Self.image().write(to: command.scratch.file("image"))
        let label = "a\u{1b}[31m\nb\"\\\u{1}é"
        #expect(
            try command.run("save", "image", "--guest", "a", "--label", label).status == 0)
        let list = try command.run("list").text
        #expect(!list.contains("\u{1b}") && list.split(separator: "\n").count == 3)
        let json = try command.run("show", "a", "--json")
        #expect(json.json["label"] as? String == label)
    }

    @Test(
        "an image that ends within a unit is restored exactly at any level",
        arguments: [0, 1, 6])
    func levels(level: Int) throws {
        let command = try Command()
        let image = Self.image()
        try image.write(to: command.scratch.file("image"))
        let saved = try command.run(
            "save", "image", "--guest", "a", "--level", "\(level)", "--json")
        let stored = try #require(saved.json["storedByteCount"] as? Int)
        #expect(level == 0 ? stored > 200 * 4096 : stored < 100 * 4096)
        #expect(try command.run("restore", "a", "out").status == 0)
        #expect(try image.equals(command.scratch.file("out")))
    }

    @Test("--codec has precedence over $SNAP_CODEC, and show names the codec")
    func codec() throws {
        var command = try Command()
        let image = Self.image()
        try image.write(to: command.scratch.file("image"))
        let choices: [(environment: String?, option: [String], codec: String)] = [
            (nil, [], "zlib"), (nil, ["--codec", "zstd"], "zstd"), ("zstd", [], "zstd"),
            ("zstd", ["--codec", "zlib"], "zlib"), ("", [], "zlib"),
        ]
        for (number, choice) in zip(1..., choices) {
            command.environment["SNAP_CODEC"] = choice.environment
            let saved = try command.run(
                ["save", "image", "--guest", "a", "--full"] + choice.option, secondsAtMost: 60)
            #expect(saved.status == 0, "\(saved.errors)")
            let shown = try command.run("show", "a:\(number)", "--json")
            #expect(shown.json["codec"] as? String == choice.codec)
            let line = try command.run("show", "a:\(number)").text.split(separator: "\n")
                .first { $0.hasPrefix("codec ") }
            #expect(line?.hasSuffix(" " + choice.codec) ?? false)
        }
        command.environment["SNAP_CODEC"] = "lz4"
        let refused = try command.run("save", "image", "--guest", "a")
        #expect(refused.status == 64)
        #expect(refused.errors == "snap: $SNAP_CODEC is \"lz4\", expected zlib or zstd\n")
        let option = try command.run("save", "image", "--guest", "a", "--codec", "lz4")
        #expect(option.status == 64 && option.errors.contains("--codec"))
        #expect(try command.run("list", "-q").text.split(separator: "\n").count == choices.count)
    }

    @Test("a misspelled command is an error with a suggestion")
    func misspelt() throws {
        let command = try Command()
        for (word, meant) in [("verfy", "verify"), ("lst", "list"), ("resotre", "restore")] {
            let outcome = try command.run(word, "--store", "nowhere")
            #expect(outcome.status == 64)
            #expect(
                outcome.errors
                    == "snap: unknown command \"\(word)\"\nhint: did you mean snap \(meant)?\n")
        }
        let other = try command.run("frobnicate")
        #expect(other.status == 64 && other.errors.hasSuffix("hint: see snap --help\n"))
        let option = try command.run("list", "--guset", "a")
        #expect(option.status == 64 && option.errors.contains("'--guest'"))
    }
}
