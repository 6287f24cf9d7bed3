import Foundation
import SystemPackage
import TestSupport
import Testing

/// Tests that copies of a store and the store itself stay independent of each other.
///
/// Parts of deleted checkpoints' files are freed in place, which leaves holes in them. The ways to
/// copy a store keep the holes, fill them, or share the files.
@Suite("Copied stores", .slow)
struct CopiedStoreTests {
    /// A store, and the images that its checkpoints must restore to.
    private struct Original {
        let command: Command
        var images: [Int: GeneratedImage] = [:]
        var path: FilePath { command.scratch.store }

        /// The numbers of the listed checkpoints of a store.
        func numbers(in store: FilePath) throws -> [Int] {
            let names = try command.run("list", "--store", store.string, "--quiet").text
            return names.split(separator: "\n").compactMap { Int($0.dropFirst(2)) }.sorted()
        }

        /// Runs a command on a store; a failure or a warning fails the test.
        func run(_ arguments: String..., in store: FilePath) throws {
            let outcome = try command.run(
                arguments + ["--store", store.string], secondsAtMost: 120)
            #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
            #expect(outcome.errors.isEmpty, "\(arguments): \(outcome.errors)")
        }

        /// Checks that a store has certain checkpoints, verifies it, and restores all of them.
        func check(_ store: FilePath, has expected: [Int]) throws {
            #expect(try numbers(in: store) == expected)
            try run("verify", in: store)
            let output = command.scratch.file("restored")
            for number in expected {
                try run("restore", "g:\(number)", output.string, "--force", in: store)
                let isEqual = try images[number]?.equals(output) ?? false
                #expect(isEqual, "g:\(number) of \(store)")
            }
        }

        /// Checks that nothing more can be freed.
        func checkPruned(_ store: FilePath) throws {
            let outcome = try command.run(
                "prune", "--keep-last", "99", "--store", store.string, "--dry-run", "--json")
            let freed = PrunedStore(outcome).guests.first?["freedByteCount"] as? Int
            #expect(freed == 0, "\(outcome.text)")
        }
    }

    /// The files of deleted checkpoints, with their lengths and their use of the disk, in bytes.
    private static func retired(
        in store: FilePath
    ) throws -> [String: (byteCount: Int, diskByteCount: Int)] {
        let guest = store.appending("guests/g")
        var found: [String: (byteCount: Int, diskByteCount: Int)] = [:]
        for name in try names(in: guest) where name.hasSuffix(".retired") {
            var status = stat()
            guard lstat(guest.appending(name).string, &status) == 0 else {
                throw Errno(rawValue: errno)
            }
            found[name] = (Int(status.st_size), Int(status.st_blocks) * 512)
        }
        return found
    }

    private static func diskByteCount(of store: FilePath) throws -> Int {
        try retired(in: store).values.reduce(0) { $0 + $1.diskByteCount }
    }

    /// Creates a store with six checkpoints, deletes two of them, and frees what they do not share.
    private func original() throws -> Original {
        var original = Original(command: try Command())
        var generator = Seeded(7)
        var image = GeneratedImage(pageCount: 2048)
        for page in 0..<image.pageCount { image.pages[page] = GeneratedImage.noise(&generator) }
        let file = original.command.scratch.file("image")
        for number in 1...6 {
            // Runs of changed pages leave whole blocks of older files without live pages.
            for _ in 0..<(number == 1 ? 0 : 4) {
                let first = Int.random(in: 0..<1900, using: &generator)
                for page in first..<first + 100 {
                    image.pages[page] = GeneratedImage.noise(&generator)
                }
            }
            image.edit(50, &generator)
            original.images[number] = image
            try image.write(to: file)
            try original.run("save", file.string, "--guest", "g", "--quiet", in: original.path)
        }
        try original.run("delete", "g:1", "g:3", in: original.path)
        try original.run("prune", "--keep-last", "99", in: original.path)
        return original
    }

    /// Copies a store with a program.
    private func copy(_ original: Original, with program: [String]) throws -> FilePath {
        let copy = original.command.scratch.file("copy")
        // rsync copies the content of a directory whose name ends in a slash.
        let paths =
            program[0] == "rsync"
            ? ["\(original.path)/", "\(copy)/"] : [original.path.string, copy.string]
        let outcome = try original.command.run(program + paths, of: "/usr/bin/env")
        try #require(outcome.status == 0, "\(outcome.errors)")
        return copy
    }

    /// Deletes checkpoints in the original and then in a copy, and restores all of both each time.
    private func use(_ original: Original, and copy: FilePath) throws {
        try original.check(copy, has: [2, 4, 5, 6])
        try original.run("delete", "g:2", in: original.path)
        try original.run("prune", "--keep-last", "2", in: original.path)
        try original.check(original.path, has: [5, 6])
        try original.check(copy, has: [2, 4, 5, 6])
        try original.run("delete", "g:5", in: copy)
        try original.run("prune", "--keep-last", "99", in: copy)
        try original.check(copy, has: [2, 4, 6])
        try original.check(original.path, has: [5, 6])
        for store in [original.path, copy] { try original.checkPruned(store) }
    }

    @Test("files of deleted checkpoints have holes where nothing is live")
    func holes() throws {
        let original = try original()
        let files = try Self.retired(in: original.path)
        #expect(files.contains { $0.value.diskByteCount + 65536 < $0.value.byteCount }, "\(files)")
        try original.check(original.path, has: [2, 4, 5, 6])
        try original.checkPruned(original.path)
    }

    @Test(
        "a store and its copy restore all their checkpoints after deletions in one of them",
        arguments: [["cp", "-a"], ["cp", "-a", "--sparse=always"]])
    func copied(program: [String]) throws {
        let original = try original()
        try use(original, and: copy(original, with: program))
    }

    @Test("a store and its copy by rsync restore all their checkpoints", .needs("rsync"))
    func synchronized() throws {
        let original = try original()
        try use(original, and: copy(original, with: ["rsync", "-aS"]))
    }

    @Test("a copy with filled holes frees them again")
    func filled() throws {
        let original = try original()
        let before = try Self.diskByteCount(of: original.path)
        let copy = try copy(original, with: ["cp", "-a", "--sparse=never"])
        let filled = try Self.diskByteCount(of: copy)
        #expect(filled > before + 65536)
        let dry = try original.command.run(
            "prune", "--keep-last", "99", "--store", copy.string, "--dry-run", "--json")
        let planned = PrunedStore(dry).guests.first?["freedByteCount"] as? Int
        // File systems allocate in blocks of different lengths.
        #expect(abs((planned ?? 0) - (filled - before)) <= 65536)
        try original.run("prune", "--keep-last", "99", in: copy)
        #expect(try Self.diskByteCount(of: copy) <= before + 65536)
        try use(original, and: copy)
    }

    @Test(
        "a copy by hard links keeps its bytes when the original frees space",
        arguments: [true, false])
    func linked(hasOwnIndex: Bool) throws {
        let original = try original()
        let copy = try copy(original, with: ["cp", "-al"])
        // SQLite changes the index in place, so both stores have one index until it is replaced.
        if hasOwnIndex { try original.run("reindex", in: copy) }
        let guest = copy.appending("guests/g")
        let contents = try names(in: guest).map { try bytes(of: guest.appending($0)) }
        try original.run("delete", "g:2", in: original.path)
        try original.run("prune", "--keep-last", "2", in: original.path)
        #expect(try names(in: guest).map { try bytes(of: guest.appending($0)) } == contents)
        if !hasOwnIndex { try original.run("reindex", in: copy) }
        try original.check(original.path, has: [5, 6])
        try original.check(copy, has: [2, 4, 5, 6])
        // What the copy deletes does not change the original either.
        try original.run("delete", "g:5", in: copy)
        try original.run("prune", "--keep-last", "99", in: copy)
        try original.check(copy, has: [2, 4, 6])
        try original.check(original.path, has: [5, 6])
        for store in [original.path, copy] { try original.checkPruned(store) }
    }
}
