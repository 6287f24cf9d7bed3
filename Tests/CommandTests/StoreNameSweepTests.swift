import Foundation
import SystemPackage
import TestSupport
import Testing

/// Tests that put each kind of unexpected file under each name in a store and run each command.
@Suite("Unexpected files in a store")
struct StoreNameSweepTests {
    /// The names, and the checkpoints that are lost when the file of that name is deleted.
    private static let names: [(name: String, lost: Set<String>)] = [
        ("store.json", []), ("lock", []), ("index.sqlite", []), ("index.sqlite-journal", []),
        ("index.sqlite-wal", []), ("index.sqlite.new", []), ("standstill", []),
        ("guests", []), ("guests/g", []), ("guests/i", []),
        ("guests/g/writer.lock", []), ("guests/g/reader.lock", []),
        ("guests/g/0000000001.retired", ["g:2"]),
        ("guests/g/0000000003.savevm", ["g:3", "g:4"]), ("guests/g/0000000003.retired", []),
        ("guests/g/0000000003.devstate", ["g:3"]), ("guests/g/0000000004.devstate", []),
        ("guests/g/0000000005.savevm", []), ("guests/g/0000000005.retired", []),
        ("guests/g/.snap-leftover", []), ("guests/g/standstill", []),
    ]

    private static let readers: [[String]] = [
        ["list"], ["show", "g:3"], ["restore", "g:3", "out", "--force"], ["diff", "g:3", "g:4"],
        ["map", "g:3"], ["verify"], ["report", "page", "--force"],
    ]

    private static let writers: [[String]] = [
        ["save", "image", "--guest", "g"], ["delete", "g:4", "--allow-last"], ["reindex"],
    ]

    /// The documented exit statuses, except those of an internal error and of an interruption.
    private static let statuses: Set<Int32> = [0, 1, 64, 65, 66, 73, 74, 75, 76, 77, 78]

    /// Whether to test each name with each kind; otherwise the tests cover a quarter of the
    /// combinations, with each name and each kind among them.
    private static let isComplete = ProcessInfo.processInfo.environment["SNAP_SWEEP"] != nil

    private let command: Command
    private var images: [String: GeneratedImage] = [:]
    private var prepared: FilePath { command.scratch.file("prepared") }
    private var outside: FilePath { command.scratch.file("outside") }
    private var aside: FilePath { command.scratch.file("aside") }

    init() throws {
        command = try Command()
        let scratch = command.scratch
        try scratch.write([1, 2, 3], to: "devices")
        var image = GeneratedImage(pageCount: 40)
        for (guest, number, options) in [
            ("g", 1, []), ("g", 2, []), ("g", 3, ["--full", "--device-state", "devices"]),
            ("g", 4, []), ("h", 1, []),
        ] {
            image.fillWithText(number * 4..<number * 4 + 8)
            image.pages[number] = GeneratedImage.text(number)
            try image.write(to: scratch.file("image"))
            let save = ["save", "image", "--guest", guest, "--store", prepared.string] + options
            try #require(try run(save, in: nil).status == 0)
            images["\(guest):\(number)"] = image
        }
        try #require(try run(["delete", "g:1", "--store", prepared.string], in: nil).status == 0)
        images["g:1"] = nil
        let retired = prepared.appending("guests/g/0000000001.retired")
        try #require(exists(retired), "a later checkpoint needs pages of a deleted one")
    }

    @Test("a read outside the store is detected")
    func reading() throws {
        _ = try copy(with: "lock", as: .empty)
        _ = try DirectorySnapshot(of: outside)
        let before = try DirectorySnapshot(of: outside)
        #expect(before.isUnread(since: before))
        _ = try bytes(of: outside.appending("directory/inside"))
        #expect(try !DirectorySnapshot(of: outside).isUnread(since: before))
        _ = try TestSupport.names(in: outside.appending("directory"))
        #expect(try !DirectorySnapshot(of: outside).isUnread(since: before))
    }

    @Test(
        "each command ends in time, names the file in an error, and accesses nothing outside",
        .slow,
        arguments: names.indices)
    func sweep(position: Int) throws {
        let (name, lost) = Self.names[position]
        for (index, kind) in UnexpectedFile.allCases.enumerated()
        where Self.isComplete || (position + index) % 4 == 0 {
            for commands in [Self.readers] + Self.writers.map({ [$0] }) {
                let what = "\(name) as \(kind)"
                let store = try copy(with: name, as: kind)
                let before = try DirectorySnapshot(of: outside)
                #expect(try DirectorySnapshot(of: outside).isUnread(since: before))
                var saved: String?
                var deleted: Set<String> = []
                for arguments in commands {
                    let what = "\(what): \(arguments[0])"
                    let outcome = try run(arguments, in: store)
                    try expectProperOutcome(outcome, name: name, before, what)
                    if outcome.status == 0 && arguments[0] == "save" {
                        saved = String(outcome.text.prefix { $0 != " " })
                    }
                    if arguments[0] == "delete" { deleted = ["g:4"] }
                }
                // This deletes a directory that save created there, with the new checkpoint.
                if try remove(name, from: store) { saved = nil }
                let untouched = Set(images.keys).subtracting(lost).subtracting(deleted)
                try expectRecovery(of: untouched, andOf: saved, in: store, what)
                try discard(store)
            }
        }
    }

    /// Copies the store and puts an unexpected file under one of its names.
    private func copy(with name: String, as kind: UnexpectedFile) throws -> FilePath {
        let store = command.scratch.file("store-\(UUID().uuidString)")
        try #require(try Mount.tool("/bin/cp", "-a", prepared.string, store.string))
        for path in [outside, aside] { try? FileManager.default.removeItem(atPath: path.string) }
        let directory = outside.appending("directory")
        try FileManager.default.createDirectory(
            atPath: directory.string, withIntermediateDirectories: true)
        // The target of each link is valid, so a command that follows the link would succeed.
        let original = prepared.appending(name)
        var isDirectory: ObjCBool = false
        if FileManager.default.fileExists(atPath: original.string, isDirectory: &isDirectory) {
            let source = isDirectory.boolValue ? original.string + "/." : original.string
            let target = isDirectory.boolValue ? directory : outside.appending("file")
            try #require(try Mount.tool("/bin/cp", "-a", source, target.string))
        }
        if !exists(outside.appending("file")) {
            let number = prepared.appending("guests/g/0000000004.savevm")
            try write(try bytes(of: number), to: outside.appending("file"))
        }
        try write([4, 5, 6], to: directory.appending("inside"))
        let place = store.appending(name)
        try FileManager.default.createDirectory(
            atPath: place.removingLastComponent().string, withIntermediateDirectories: true)
        try kind.place(at: place, outside: outside, aside: aside)
        return store
    }

    /// Deletes the unexpected file and moves the original back if that is a directory.
    ///
    /// - Returns: Whether a directory was moved back.
    private func remove(_ name: String, from store: FilePath) throws -> Bool {
        let path = store.appending(name).string
        if (try? FileManager.default.attributesOfItem(atPath: path)) != nil {
            try FileManager.default.removeItem(atPath: path)
        }
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: aside.string, isDirectory: &isDirectory),
            isDirectory.boolValue
        else { return false }
        try FileManager.default.moveItem(atPath: aside.string, toPath: path)
        return true
    }

    private func discard(_ store: FilePath) throws {
        try FileManager.default.removeItem(atPath: store.string)
    }

    // MARK: Expectations

    private func expectProperOutcome(
        _ outcome: Command.Outcome, name: String, _ before: DirectorySnapshot, _ what: String
    ) throws {
        #expect(Self.statuses.contains(outcome.status), "\(what): \(outcome)")
        if outcome.status != 0 {
            // An error about a file next to the index names the index.
            let named = name.hasPrefix("index.sqlite") ? "index.sqlite" : name
            #expect(outcome.errors.contains(named), "\(what): \(outcome)")
        }
        let after = try DirectorySnapshot(of: outside)
        #expect(after.isUnread(since: before), "\(what): a file outside the store was accessed")
    }

    private func expectRecovery(
        of untouched: Set<String>, andOf saved: String?, in store: FilePath, _ what: String
    ) throws {
        let reindex = try run(["reindex"], in: store)
        #expect([0, 1].contains(reindex.status), "\(what): reindex: \(reindex)")
        let names = (Array(untouched) + [saved].compactMap(\.self)).sorted()
        let verify = try run(["verify"] + names, in: store)
        #expect(verify.status == 0, "\(what): \(names): \(verify)")
        for checkpoint in Set([names.first, saved].compactMap(\.self)) {
            let restore = try run(["restore", checkpoint, "out", "--force"], in: store)
            #expect(restore.status == 0, "\(what): \(checkpoint): \(restore)")
            // The saved image is that of the last checkpoint in the prepared store, h:1.
            let image = try #require(images[checkpoint == saved ? "h:1" : checkpoint])
            let output = command.scratch.file("out")
            #expect(try image.equals(output), "\(what): \(checkpoint)")
        }
    }

    /// Runs the command, for at most 10 seconds.
    private func run(_ arguments: [String], in store: FilePath?) throws -> Command.Outcome {
        var command = command
        if let store { command.environment["SNAP_STORE"] = store.string }
        return try command.run(arguments, secondsAtMost: 10)
    }
}
