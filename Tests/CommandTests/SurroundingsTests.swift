import Foundation
import SystemPackage
import TestSupport
import Testing

/// Tests of commands without /proc, with few file descriptors and with closed standard streams.
@Suite("The environment of a command")
struct SurroundingsTests {
    private let command: Command
    private let image: GeneratedImage

    init() throws {
        command = try Command()
        var image = GeneratedImage(pageCount: 64)
        image.fillWithText(0..<64)
        self.image = image
        try image.write(to: command.scratch.file("image"))
    }

    /// Runs a shell command in which `$snap` is the path of the built command.
    private func shell(_ text: String) throws -> Command.Outcome {
        let process = command.process([])
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", text]
        process.environment?["snap"] = Command.path
        let names = ["o", "e"].map { command.scratch.file("\($0)-\(UUID().uuidString)") }
        for name in names { try write([], to: name) }
        process.standardOutput = FileHandle(forWritingAtPath: names[0].string)
        process.standardError = FileHandle(forWritingAtPath: names[1].string)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return Command.Outcome(
            status: process.terminationStatus, output: try bytes(of: names[0]),
            errors: String(decoding: try bytes(of: names[1]), as: UTF8.self))
    }

    @Test("without arguments snap prints its help to standard error and exits with 64")
    func withoutArguments() throws {
        let outcome = try command.run()
        #expect(outcome.status == 64 && outcome.output.isEmpty)
        #expect(outcome.errors.contains("USAGE: snap"))
    }

    private static let canBeAnotherUser =
        geteuid() == 0
        && ((try? Mount.tool("/usr/bin/setpriv", "--reuid", "12345", "--clear-groups", "true"))
            ?? false)

    @Test(
        "snap writes no core file, and other processes of its user cannot read its memory",
        .enabled(if: canBeAnotherUser, "needs root and setpriv"))
    func secrecy() throws {
        // snap waits for a stream that never arrives, so it is still running during the checks.
        let outcome = try shell(
            """
            chmod 755 .; mkdir u; chown 12345 u; mkfifo pipe; chmod 666 pipe
            user="setpriv --reuid 12345 --clear-groups"
            SNAP_STORE=u/s $user "$snap" save - --guest a <pipe 2>/dev/null & pid=$!
            exec 9>pipe; sleep 0.5
            grep 'Max core file size' /proc/$pid/limits | tr -s ' '
            $user cat /proc/$pid/environ >/dev/null 2>&1 && echo readable || echo private
            kill $pid; wait $pid
            """)
        #expect(outcome.text == "Max core file size 0 0 bytes \nprivate\n", "\(outcome.errors)")
    }

    private static let mayUnmount =
        geteuid() == 0
        && ((try? Mount.tool("/usr/bin/unshare", "-m", "umount", "-l", "/proc")) ?? false)

    @Test(
        "commands work without /proc",
        .enabled(if: mayUnmount, "needs the right to unmount /proc in a namespace of its own"))
    func withoutProc() throws {
        let prefix = "unshare -m bash -c 'umount -l /proc && exec \"$snap\" \"$@\"' snap "
        let saved = try shell(prefix + "save image --guest a")
        #expect(saved.status == 0, "\(saved.errors)")
        #expect(try shell(prefix + "list -q").text == "a:1\n")
        #expect(try shell(prefix + "restore a out").status == 0)
        #expect(try image.equals(command.scratch.file("out")))
        #expect(try shell(prefix + "verify").status == 0)
        #expect(try shell(prefix + "frobnicate").status == 64)
        #expect(try shell(prefix).status == 64)
        #expect(try shell(prefix + "delete a:1 --allow-last").status == 0)
    }

    @Test(
        "snap reads more files than may be open, and fails cleanly if the limit is too low", .slow)
    func descriptors() throws {
        var image = image
        for number in 1...60 {
            image.pages[number] = GeneratedImage.text(1000 + number)
            try image.write(to: command.scratch.file("image"))
            #expect(try command.run("save", "image", "--guest", "a", "-q").status == 0)
        }
        for arguments in [
            "restore a:60 out --force", "verify", "map a:60", "diff a:1 a:60",
            "save image --guest a --compare-bytes",
        ] {
            let soft = try shell("ulimit -Sn 40; exec $snap \(arguments)")
            #expect(soft.status == 0, "\(arguments): \(soft.errors)")
            // With this hard limit snap must close some files and open them again.
            let hard = try shell("ulimit -n 48; exec $snap \(arguments)")
            #expect(hard.status == 0, "\(arguments): \(hard.errors)")
            for count in [5, 8, 9, 10, 11, 12, 16, 24] {
                let few = try shell("ulimit -n \(count); exec $snap \(arguments)")
                #expect(few.status < 128, "\(count), \(arguments): \(few.errors)")
                if count >= 8 {
                    #expect(few.status == 74, "\(count), \(arguments): \(few.errors)")
                    #expect(few.errors.contains("ulimit -n"), "\(few.errors)")
                }
            }
        }
        #expect(try image.equals(command.scratch.file("out")))
    }

    @Test("restore and list fail if their output is closed, without a message if it is a pipe")
    func closedStreams() throws {
        #expect(try command.run("save", "image", "--guest", "a").status == 0)
        #expect(try shell("$snap restore a - >&-").status == 74)
        #expect(try shell("$snap list >&-").status == 74)
        #expect(try shell("$snap save image --guest a >&- 2>&- <&-").status == 0)
        let head = try shell("$snap restore a - | head -c 1; exit ${PIPESTATUS[0]}")
        #expect(head.errors.isEmpty, "\(head.errors)")
        let big = try shell(
            "truncate -s 64M big; $snap save big --guest b -q; "
                + "$snap restore b - | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}")
        #expect(big.status == 74 && big.errors.isEmpty, "\(big)")
    }

    @Test("names that are not UTF-8 are refused, not repaired")
    func oddNames() throws {
        let odd = "$'\\xff'"
        for text in [
            "save \(odd) --guest a", "save image --guest \(odd)", "restore a out\(odd)",
            "save image --guest a --device-state d=\(odd)", "list --store \(odd)",
            "save image --guest a --label \(odd)",
        ] {
            let outcome = try shell("$snap \(text)")
            #expect(outcome.status == 64, "\(text): \(outcome.errors)")
            #expect(outcome.errors.contains("UTF-8"), "\(text): \(outcome.errors)")
        }
        let outcome = try shell("SNAP_STORE=\(odd) $snap list")
        #expect(outcome.status == 64 && outcome.errors.contains("SNAP_STORE"))
        let names = try TestSupport.names(in: command.scratch.path)
        #expect(!names.contains { $0.contains("\u{fffd}") })
    }

    @Test("a save that fails leaves no new store and no new guest")
    func nothingLeft() throws {
        let made = SmallStream.plain.made()
        try command.scratch.write(Array(made.bytes.prefix(4200)), to: "cut")
        for text in ["$snap save cut --guest n", "cat cut | $snap save - --guest n"] {
            #expect(try shell(text).status == 65)
            #expect(!exists(command.scratch.store))
        }
        #expect(try command.run("save", "image", "--guest", "a").status == 0)
        for text in [
            "$snap save cut --guest n", "cat cut | $snap save - --guest n",
            "$snap save image --guest n --device-state cut",
            "$snap save image --guest n --parent a:1", "$snap save --qmp gone --guest n",
        ] {
            #expect(try shell(text).status != 0, "\(text)")
            #expect(try names(in: command.scratch.store.appending("guests")) == ["a"], "\(text)")
        }

        // A save that fails while it writes leaves nothing either.
        let late = try shell("ulimit -f 2; $snap save image --guest n --level 0")
        #expect(late.status == 74, "\(late.errors)")
        let fresh = command.scratch.file("fresh").string
        let first = try shell("ulimit -f 12; $snap save image --guest n --store \(fresh) --level 0")
        #expect(first.status == 74, "\(first.errors)")
        #expect(!exists(FilePath(fresh)))
        #expect(try names(in: command.scratch.store.appending("guests")) == ["a"])
    }

    @Test("standard input is read from its current offset")
    func position() throws {
        let (first, second) = (SmallStream.plain.made(), SmallStream.compressed.made())
        try command.scratch.write(first.bytes + second.bytes, to: "two")
        let outcome = try shell(
            "{ dd bs=\(first.bytes.count) count=1 status=none >/dev/null; "
                + "$snap save - --guest n; } <two && $snap restore n -")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let memory = second.blockNames.flatMap { second.ram[$0]?.bytes ?? [] }
        #expect(outcome.output.suffix(memory.count) == memory[...])
    }

    @Test("outputs with impossible names cannot be created")
    func impossibleOutputs() throws {
        try command.scratch.write([1], to: "dev")
        #expect(
            try command.run("save", "image", "--guest", "a", "--device-state", "dev").status == 0)
        let long = String(repeating: "n", count: 300)
        for name in ["image/out", long, "no/where", "\(long)/out"] {
            for arguments in [
                ["restore", "a", name], ["restore", "a", "-", "--device-state", name],
                ["report", name],
            ] {
                let outcome = try shell("$snap \(arguments.joined(separator: " "))")
                #expect(outcome.status == 73, "\(arguments): \(outcome.errors)")
            }
        }
    }

    @Test("bytes after a stream's end cause a warning")
    func strayBytes() throws {
        let made = SmallStream.plain.made()
        try command.scratch.write(made.bytes + [1], to: "stray")
        for text in ["$snap save stray --guest n", "cat stray | $snap save - --guest n"] {
            let outcome = try shell(text)
            #expect(outcome.status == 0 && outcome.errors.contains("follow the stream's end"))
        }
    }
}
