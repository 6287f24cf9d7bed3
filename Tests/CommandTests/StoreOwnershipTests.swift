import Foundation
import SystemPackage
import TestSupport
import Testing

/// Tests of the owners and modes that snap accepts in a store, and of users who may only read it.
@Suite("Owners, modes and readers of a store")
struct StoreOwnershipTests {
    private static let otherUser: uid_t = 65534
    private static let group: gid_t = 54321
    private static let setpriv = "/usr/bin/setpriv"

    /// Whether the tests can run the command as another user, with only that user's rights.
    private static let hasStrangers =
        geteuid() == 0
        && ((try? Mount.tool(setpriv, "--reuid", "65534", "--clear-groups", Command.path, "-h"))
            ?? false)
    private static let needsStrangers: Comment =
        "needs root, setpriv and a build that other users may run"

    private let command: Command
    private let image: GeneratedImage
    private var store: FilePath { command.scratch.store }
    private var guest: FilePath { command.scratch.guest("g") }

    init() throws {
        command = try Command()
        var image = GeneratedImage(pageCount: 16)
        image.fillWithText(0..<16)
        self.image = image
        try image.write(to: command.scratch.file("image"))
        try #require(try command.run("save", "image", "--guest", "g").status == 0)
        try #require(try command.run("save", "image", "--guest", "g").status == 0)
    }

    /// Runs the command as another user, who is a member of `group`.
    private func runAsOtherUser(_ arguments: [String]) throws -> Command.Outcome {
        let user = ["--reuid", "\(Self.otherUser)", "--regid", "\(Self.group)", "--clear-groups"]
        return try command.run(user + [Command.path] + arguments, of: Self.setpriv)
    }

    private func restores(_ arguments: String...) throws -> Bool {
        let outcome = try command.run(
            ["restore", "g:1", "out", "--force"] + arguments, secondsAtMost: 10)
        #expect(outcome.status == 0, "\(outcome)")
        return try image.equals(command.scratch.file("out"))
    }

    private func setMode(_ mode: mode_t, of path: FilePath) throws {
        guard chmod(path.string, mode) == 0 else { throw Errno(rawValue: errno) }
    }

    private func setOwner(_ user: uid_t, of path: FilePath) throws {
        guard lchown(path.string, user, gid_t.max) == 0 else { throw Errno(rawValue: errno) }
    }

    // MARK: Owners and modes

    private static let files = [
        "", "store.json", "index.sqlite", "guests", "guests/g", "guests/g/0000000001.savevm",
    ]

    /// Expects that a restore refuses a file of the store, and accepts it with `--trust-store`.
    private func expectRefusal(of name: String, _ what: String) throws {
        let path = store.appending(name)
        let arguments = ["restore", "g:1", "out", "--force"]
        let refused = try command.run(arguments, secondsAtMost: 10)
        #expect(refused.status == 77, "\(name) \(what): \(refused)")
        #expect(refused.errors.contains("\(path): "), "\(name) \(what): \(refused)")
        #expect(refused.errors.contains(what), "\(name): \(refused)")
        #expect(refused.errors.contains("--trust-store"), "\(name): \(refused)")
        #expect(try restores("--trust-store"), "\(name) \(what)")
        var trusting = command
        trusting.environment["SNAP_TRUST_STORE"] = "1"
        let outcome = try trusting.run(arguments, secondsAtMost: 10)
        #expect(outcome.status == 0, "\(name) \(what): \(outcome)")
        trusting.environment["SNAP_TRUST_STORE"] = "0"
        #expect(try trusting.run(arguments, secondsAtMost: 10).status == 77)
    }

    @Test(
        "a file that other users can write is refused without --trust-store", .slow,
        arguments: files)
    func modes(name: String) throws {
        let path = store.appending(name)
        let mode = try command.mode(of: path)
        for bit: mode_t in [0o020, 0o002] {
            try setMode(mode | bit, of: path)
            try expectRefusal(of: name, "users other than its owner can write")
        }
        try setMode(mode | 0o055, of: path)
        #expect(try restores())
    }

    @Test(
        "a file that belongs to another user is refused without --trust-store",
        .needsRoot("to change a file's owner"), arguments: files)
    func owners(name: String) throws {
        // The store's directory may belong to any user. Its files must belong to that user or root.
        try setOwner(Self.otherUser, of: store.appending(name))
        if name.isEmpty {
            #expect(try restores(), "files of root are accepted like files of the owner")
            for arguments in [["save", "image", "--guest", "g"], ["delete", "g:1"], ["reindex"]] {
                let refused = try command.run(arguments, secondsAtMost: 10)
                #expect(refused.status == 77, "\(refused)")
                #expect(refused.errors.contains("belongs to user 65534"), "\(refused)")
            }
            #expect(try command.run("save", "image", "--guest", "g", "--trust-store").status == 0)
        } else {
            try expectRefusal(of: name, "belongs to user 65534, expected root")
        }
    }

    @Test("links and special files are refused even with --trust-store")
    func trustedKinds() throws {
        let file = guest.appending("0000000001.savevm")
        let target = command.scratch.file("target")
        try FileManager.default.moveItem(atPath: file.string, toPath: target.string)
        try FileManager.default.createSymbolicLink(
            atPath: file.string, withDestinationPath: target.string)
        let arguments = ["restore", "g:1", "out", "--trust-store"]
        let link = try command.run(arguments, secondsAtMost: 10)
        #expect(link.status == 1 && link.errors.contains("symbolic link"), "\(link)")
        try FileManager.default.removeItem(atPath: file.string)
        try #require(mkfifo(file.string, 0o600) == 0)
        let fifo = try command.run(arguments, secondsAtMost: 10)
        #expect(fifo.status == 1 && fifo.errors.contains("FIFO"), "\(fifo)")
    }

    @Test("the store may be a link that belongs to the caller")
    func storeLink() throws {
        let link = command.scratch.file("link")
        try FileManager.default.createSymbolicLink(
            atPath: link.string, withDestinationPath: store.string)
        #expect(try restores("--store", link.string))
        #expect(try command.run("save", "image", "--guest", "g", "--store", "link").status == 0)
    }

    @Test(
        "the store must not be a link that belongs to another user",
        .needsRoot("to change a link's owner"))
    func linkOfAnother() throws {
        let link = command.scratch.file("link")
        try FileManager.default.createSymbolicLink(
            atPath: link.string, withDestinationPath: store.string)
        try setOwner(Self.otherUser, of: link)
        for arguments in [["list"], ["save", "image", "--guest", "g"], ["verify"]] {
            let refused = try command.run(
                arguments + ["--store", link.string], secondsAtMost: 10)
            #expect(refused.status == 77, "\(refused)")
            #expect(refused.errors.contains("link that belongs to user 65534"), "\(refused)")
        }
        #expect(try restores("--store", link.string, "--trust-store"))
    }

    // MARK: Readers

    @Test(
        "a member of a group with read permission can list and restore, but not write",
        .enabled(if: hasStrangers, needsStrangers))
    func groupReaders() throws {
        try #require(try Mount.tool("/bin/chgrp", "-R", "\(Self.group)", store.string))
        try #require(try Mount.tool("/bin/chmod", "-R", "g+rX", store.string))
        let list = try runAsOtherUser(["list", "-q"])
        #expect(list.status == 0 && list.text == "g:1\ng:2\n", "\(list)")
        let restore = try runAsOtherUser(["restore", "g:1", "-"])
        #expect(restore.status == 0, "\(restore.errors)")
        try write(restore.output, to: command.scratch.file("out"))
        #expect(try image.equals(command.scratch.file("out")))
        // A reader verifies, and records nothing.
        for arguments in [["verify"], ["verify", "--limit-time", "1m"]] {
            let verify = try runAsOtherUser(arguments)
            #expect(verify.status == 0 && verify.errors == "", "\(verify)")
        }
        let status = try runAsOtherUser(["status", "--json"]).json
        let guests = try #require(status["guests"] as? [[String: Any]])
        #expect(guests.first?["unverifiedFileCount"] as? Int == 2)
        for arguments in [["save", "image", "--guest", "g"], ["delete", "g:1"], ["reindex"]] {
            #expect(try runAsOtherUser(arguments).status == 77, "\(arguments)")
        }
        // The owner can still save, and only the owner can read the new files.
        #expect(try command.run("save", "image", "--guest", "g").status == 0)
        #expect(try command.mode(of: guest.appending("0000000003.savevm")) == 0o600)
        #expect(try runAsOtherUser(["restore", "g:3", "-"]).status == 77)
        #expect(try runAsOtherUser(["list", "-q"]).text == "g:1\ng:2\ng:3\n")
    }

    /// A Python script that takes each kind of lock that a file opened for reading allows, prints
    /// "held", and keeps the locks until its input ends.
    private static let holder = """
        import fcntl, os, sys
        for name in sys.argv[1:]:
            fd = os.open(name, os.O_RDONLY)
            fcntl.flock(fd, fcntl.LOCK_EX)
            fcntl.lockf(fd, fcntl.LOCK_SH)
        print("held", end="", flush=True)
        sys.stdin.read()
        """

    @Test(
        "locks of a user who may only read do not block a command",
        .enabled(if: hasStrangers, needsStrangers),
        .enabled(if: exists("/usr/bin/python3"), "needs /usr/bin/python3"))
    func readersLocks() throws {
        let locks = [
            store.appending("lock"), guest.appending("writer.lock"),
            guest.appending("reader.lock"),
        ].map(\.string)
        try #require(try Mount.tool("/bin/chmod", "-R", "go+rX", store.string))
        let holder = Process()
        holder.executableURL = URL(fileURLWithPath: Self.setpriv)
        holder.arguments =
            ["--reuid", "\(Self.otherUser)", "--clear-groups", "/usr/bin/python3", "-c"]
            + [Self.holder] + locks
        let (input, output) = (Pipe(), Pipe())
        holder.standardInput = input
        holder.standardOutput = output
        try holder.run()
        defer {
            try? input.fileHandleForWriting.close()
            holder.waitUntilExit()
        }
        try #require(output.fileHandleForReading.readData(ofLength: 4) == Data("held".utf8))
        for arguments in [
            ["list"], ["save", "image", "--guest", "g"], ["restore", "g:1", "out", "--force"],
            ["verify"], ["delete", "g:1"], ["save", "image", "--guest", "new"],
            ["delete", "g:2", "--wait", "1"], ["save", "image", "--guest", "g"],
        ] {
            let outcome = try command.run(arguments, secondsAtMost: 10)
            #expect(outcome.status == 0, "\(arguments): \(outcome)")
        }
        #expect(holder.isRunning)
    }
}
