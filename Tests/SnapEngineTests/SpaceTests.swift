import CheckpointIndex
import CheckpointStore
import Foundation
import GuestMemory
import SavevmFormat
import SnapEngine
import SnapSystem
import TestSupport
import Testing
import WorkPipeline

@Suite("Space of pruned histories")
struct SpaceTests {
    /// A store, and the images of its checkpoints.
    private struct History {
        let store: TestStore
        var image: GeneratedImage
        var saved: [Int: GeneratedImage] = [:]
        var generator: Seeded

        init(seed: Int, pageCount: Int = 1100) throws {
            generator = Seeded(UInt64(seed))
            store = try TestStore()
            image = GeneratedImage(pageCount: pageCount)
            image.edit(pageCount, &generator)
        }

        mutating func save(_ configure: (inout Save) throws -> Void = { _ in }) throws {
            let number = try store.save(image, configure).number
            saved[number] = image
            image.edit(Int.random(in: 1...80, using: &generator), &generator)
        }

        /// Deletes checkpoints without freeing any space.
        mutating func retire(_ numbers: [Int]) throws {
            let open = try Store(writing: store.path, addsCheckpoints: true, store.context())
            let guest = open.guest(store.guest)
            var retirement = Retirement(of: guest, in: open)
            try retirement.run(numbers, of: try guest.listing(), store.context())
            for number in numbers { saved[number] = nil }
        }

        /// Frees the space of deleted checkpoints.
        func reclaim(markByteCountMax: Int? = nil) throws -> SpaceReclamation.Outcome {
            let open = try Store(writing: store.path, addsCheckpoints: true, store.context())
            var reclamation = SpaceReclamation(of: open.guest(store.guest), store.context())
            if let markByteCountMax { reclamation.markByteCountMax = markByteCountMax }
            return try reclamation.run(open.index)
        }

        func check(_ what: String) throws {
            #expect(try store.list().map(\.number) == saved.keys.sorted(), "\(what)")
            for (number, image) in saved {
                #expect(try store.restores(number, to: image), "\(what): \(number)")
            }
            let verified = try Verify().run(in: store.path, store.context())
            #expect(verified.isIntact, "\(what): \(verified.damage)")
        }

        /// The space that a new store with only the remaining checkpoints takes.
        func freshByteCount() throws -> Int {
            let fresh = try TestStore()
            for number in saved.keys.sorted() {
                if let image = saved[number] { try fresh.save(image) }
            }
            return try fresh.diskByteCount()
        }
    }

    @Test(
        "after random saves and deletions all checkpoints restore, and the space is near a new store's",
        .slow, arguments: 0..<3)
    func random(seed: Int) throws {
        var history = try History(seed: seed, pageCount: [1100, 3000, 513][seed % 3])
        for round in 0..<8 {
            for _ in 0..<6 { try history.save() }
            let numbers = history.saved.keys.shuffled(using: &history.generator)
            try history.retire(Array(numbers.prefix(numbers.count / 2 + 1)))
            // Several passes over ranges of files must find the same.
            _ = try history.reclaim(markByteCountMax: round % 2 == 0 ? 1 : nil)
            _ = try history.reclaim()
            try history.check("seed \(seed), round \(round)")
            let (used, fresh) = (try history.store.diskByteCount(), try history.freshByteCount())
            // Each of these small files takes at least a block, which would not count in a large one.
            let allowed = fresh * 16 / 10 + 50 * 4096
            #expect(used <= allowed, "seed \(seed), round \(round): \(used) and \(fresh)")
        }
    }

    @Test("a reclamation that has nothing to do changes nothing")
    func idempotent() throws {
        var history = try History(seed: 3)
        for _ in 0..<8 { try history.save() }
        try history.retire([1, 2, 3, 5, 6])
        #expect(try history.reclaim().freedByteCount > 0)
        let directory = history.store.guestPath
        let before = try names(in: directory).map { try bytes(of: directory.appending($0)) }
        let again = try history.reclaim()
        #expect(again.freedByteCount == 0 && again.writtenByteCount == 0)
        #expect(try names(in: directory).map { try bytes(of: directory.appending($0)) } == before)
        // Neither does one that has lost the index and with it what it has examined.
        _ = try Reindex().run(in: history.store.path, history.store.context())
        let afterwards = try history.reclaim()
        #expect(afterwards.freedByteCount == 0 && afterwards.writtenByteCount == 0)
        try history.check("after reindex")
    }

    @Test("the only remaining checkpoint of a long chain takes about as much as in a new store")
    func onlyNewest() throws {
        var history = try History(seed: 4)
        for _ in 0..<25 { try history.save() }
        let newest = try #require(history.saved.keys.max())
        _ = try Delete(
            history.saved.keys.filter { $0 < newest }.map { .number(history.store.guest, $0) }
        )
        .run(in: history.store.path, history.store.context())
        history.saved = history.saved.filter { $0.key == newest }
        try history.check("newest")
        let (used, fresh) = (try history.store.diskByteCount(), try history.freshByteCount())
        #expect(used * 10 <= fresh * 16, "\(used) and \(fresh)")
    }

    @Test("a save refers only to files that exist after others were freed")
    func exactReferences() throws {
        var history = try History(seed: 5)
        for _ in 0..<12 {
            history.image.edit(1100, &history.generator)
            try history.save()
        }
        try history.retire(Array(1...11))
        #expect(try history.reclaim().freedByteCount > 0)
        try history.save()
        let directory = StoreDirectory(history.store.path, history.store.context())
            .guest(history.store.guest)
        let listing = try directory.listing()
        let references = try directory.files.savevm(.savevm(13)).references().map(\.number)
        #expect(Set(references).isSubset(of: listing.savevm.union(listing.retired)))
        #expect(references.count < 13)
        try history.check("after the save")
    }

    @Test(
        "damage in one file costs the other checkpoints nothing when space is freed",
        arguments: 0..<15)
    func damage(seed: Int) throws {
        var history = try History(seed: seed, pageCount: 600)
        for _ in 0..<7 { try history.save() }
        try history.retire([1, 3, 4, 6])
        let directory = history.store.guestPath
        let files = try names(in: directory).filter {
            $0.hasSuffix(".savevm") || $0.hasSuffix(".retired")
        }
        let name = try #require(files.randomElement(using: &history.generator))
        var content = try bytes(of: directory.appending(name))
        let offset = Int.random(in: 0..<content.count, using: &history.generator)
        content[offset] ^= 1 << UInt8.random(in: 0..<8, using: &history.generator)
        try write(content, to: directory.appending(name))
        let intact = { history.saved.filter { Self.restores($0.key, $0.value, history.store) } }
        let before = intact()
        let warnings = Warnings()
        let context = WorkContext.testing(warn: warnings.take)
        do {
            let open = try Store(writing: history.store.path, addsCheckpoints: true, context)
            _ = try SpaceReclamation(of: open.guest(history.store.guest), context).run(open.index)
        }
        let after = intact()
        #expect(before.keys.sorted() == after.keys.sorted(), "\(name) at \(offset)")
        for warning in warnings.all { #expect(warning.path?.lastComponent?.string == name) }
        #expect(Set(warnings.all.map(\.description)).count == warnings.all.count)
    }

    @Test("a damaged table keeps space, and the warning names the deletion that frees it")
    func damagedTable() throws {
        var history = try History(seed: 6)
        for _ in 0..<5 {
            history.image.edit(300, &history.generator)
            try history.save()
        }
        try history.retire([1, 2])
        let context = history.store.context()
        let files = StoreDirectory(history.store.path, context).guest(history.store.guest).files
        let file = try files.savevm(.savevm(4))
        let root = try #require(try file.entryIfPresent(ofGroup: file.groupCount - 1))
        var content = try bytes(of: file.path)
        content[root.offset] ^= 1
        try write(content, to: file.path)
        let warnings = Warnings()
        do {
            let warned = WorkContext.testing(warn: warnings.take)
            let open = try Store(writing: history.store.path, addsCheckpoints: true, warned)
            let outcome = try SpaceReclamation(of: open.guest(history.store.guest), warned)
                .run(open.index)
            #expect(outcome.freedByteCount == 0 && outcome.keptFileCount == 2)
        }
        let warning = try #require(warnings.all.first)
        #expect(warnings.all.count == 1 && warning.code == .damaged)
        #expect(warning.path == file.path && warning.offset == root.offset)
        #expect(warning.hint == "delete g:4 to free them")
        _ = try Delete([.number(history.store.guest, 4)]).run(in: history.store.path, context)
        history.saved[4] = nil
        try history.check("after the deletion")
        let (used, fresh) = (try history.store.diskByteCount(), try history.freshByteCount())
        #expect(used <= fresh * 16 / 10 + 50 * 4096, "\(used) and \(fresh)")
    }

    private static func restores(_ number: Int, _ image: GeneratedImage, _ store: TestStore) -> Bool
    {
        (try? store.restores(number, to: image)) ?? false
    }
}
