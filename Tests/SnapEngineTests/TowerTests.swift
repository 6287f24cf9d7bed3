import CheckpointStore
import Codecs
import GuestMemory
import SavevmFormat
import SnapEngine
import SnapSystem
import TestSupport
import Testing

/// Files of a few kilobytes whose tables are used in many places: 512 GiB that repeat one page.
@Suite("Tables that are used in many places")
struct TowerTests {
    private static let levels = 3
    private static let pageCount = 1 << 27

    private let store: TestStore
    private let tower: GuestName
    private let identity: StoreIdentity

    init() throws {
        store = try TestStore()
        tower = try GuestName(checking: "t", as: "guest")
        try store.save(GeneratedImage(pageCount: 2))
        identity = try StoreIdentity(readingFrom: Directory(store.path, .kernel))
    }

    /// Writes a checkpoint that repeats one page.
    ///
    /// - Parameters:
    ///   - number: The checkpoint's number.
    ///   - byte: The byte that fills the page.
    ///   - isIntact: Whether the page has the right digest, so that it can be read.
    ///   - everyOther: Whether only every other page is stored; the pages between are zero.
    private func write(
        _ number: Int, page byte: UInt8, isIntact: Bool = true, everyOther: Bool = false
    ) throws {
        let directory = Directory(store.scratch.guest("t"), .kernel)
        try directory.create()
        let id = Identifier.random()
        var writer = try SavevmWriter(
            in: directory,
            FileHeader(
                .savevm, number: number, storeID: identity.id, checkpointID: id, parent: nil))
        let page = [UInt8](repeating: byte, count: Page.byteCount)
        var content = page
        for level in 0...Self.levels {
            let digest = content.withBytes { identity.digestKey.digest(of: $0) }
            let isDamaged = level == 0 && !isIntact
            let group = try content.withBytes { bytes in
                try GroupEncoder(.default).encode(
                    [.literal(isDamaged ? .none : digest)], bytes, level: level)
            }
            let place = Location(number: number, group: try writer.append(group), slot: 0)
            content = PageTableShape.encode(
                (0..<512).map { level == 0 && everyOther && $0 % 2 == 1 ? .zero : place })
        }
        var pages = PageCounts()
        pages.zero = everyOther ? Self.pageCount / 2 : 0
        pages.literal = Self.pageCount - pages.zero
        _ = try writer.publish(
            blocks: [
                StoredBlock(
                    ram: RAMBlock(name: "", byteCount: Self.pageCount * Page.byteCount),
                    root: Location(number: number, group: Self.levels, slot: 0),
                    zeroPageCount: pages.zero)
            ], references: [FileReference(number: number, id: id)],
            description: CheckpointDescription(
                guest: tower, label: nil, createdAt: .now, pages: pages,
                digestKey: identity.digestKey, deviceState: nil))
    }

    private func reindex() throws {
        _ = try Reindex().run(in: store.path, .testing())
    }

    @Test("shared tables are verified and mapped, and a save of another length skips them")
    func intact() throws {
        try write(1, page: 7, everyOther: true)
        try reindex()
        let outcome = try Verify().run(in: store.path, .testing())
        #expect(outcome.isIntact && outcome.checkedPageCount < 10)
        for cellCountMax in [1, 100, 4096] {
            let map = try Map(.number(tower, 1), cellCountMax: cellCountMax)
                .run(in: store.path, .testing())
            #expect(map.counts[.stored] == Self.pageCount / 2)
            #expect(map.counts[.zero] == Self.pageCount / 2)
            let cells = map.blocks[0].cells
            #expect(cells.allSatisfy { $0 == cells[0] })
        }
        let file = store.scratch.file("image")
        let saved = try Save(.image(file, nil), guest: tower).run(in: store.path, .testing())
        #expect(saved.checkpoint.number == 2 && saved.checkpoint.parentNumber == nil)
    }

    @Test("a damaged page is counted as lost in all its places, which are listed up to a limit")
    func damaged() throws {
        for everyOther in [false, true] {
            try write(everyOther ? 2 : 1, page: 7, isIntact: false, everyOther: everyOther)
        }
        try reindex()
        let verdicts = try Verify().run(in: store.path, .testing()).verdicts
            .filter { $0.name.guest == tower }
        let losses = try verdicts.map { try #require($0.losses.first) }
        #expect(losses.map(\.pageCount) == [Self.pageCount, Self.pageCount / 2])
        #expect(losses[0].pages == [0..<Self.pageCount] && losses[0].isListed)
        #expect(losses[1].pages.count == 4096 && !losses[1].isListed)
        #expect(losses[1].pages.last == 8190..<8191)
    }

    @Test("a diff of two such checkpoints stops at a limit", .slow)
    func compared() throws {
        try write(1, page: 7)
        try write(2, page: 8)
        try reindex()
        let error = #expect(throws: SnapError.self) {
            _ = try PageDiff(from: .number(tower, 1), to: .number(tower, 2))
                .run(in: store.path, .testing())
        }
        #expect(error?.code == .damaged && error?.message.contains("units") == true)
        let same = try PageDiff(from: .number(tower, 1), to: .number(tower, 1))
            .run(in: store.path, .testing())
        #expect(same.blocks.map(\.changedCount) == [0])
    }

    @Test("a save of another length does not walk the tables, even with many references")
    func manyReferences() throws {
        try write(1, page: 7)
        let directory = Directory(store.scratch.guest("t"), .kernel)
        let first = try GuestFiles(of: tower, in: directory).savevm(.savevm(1))
        let reference = FileReference(number: 2000, id: .random())
        let writer = try SavevmWriter(
            in: directory,
            FileHeader(
                .savevm, number: reference.number, storeID: identity.id,
                checkpointID: reference.id, parent: nil))
        let others = (reference.number - 1022..<reference.number).map {
            FileReference(number: $0, id: .random())
        }
        _ = try writer.publish(
            blocks: try first.blocks(), references: [first.reference] + others + [reference],
            description: first.checkpoint)
        try reindex()
        let file = store.scratch.file("image")
        let saved = try Save(.image(file, nil), guest: tower).run(in: store.path, .testing())
        #expect(saved.checkpoint.number == 2001 && saved.checkpoint.parentNumber == nil)
    }
}
