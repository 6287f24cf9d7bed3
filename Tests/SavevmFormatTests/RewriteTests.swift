import Codecs
import GuestMemory
import SavevmFormat
import SnapSystem
import TestSupport
import Testing

@Suite("Rewritten savevm files")
struct RewriteTests {
    /// The pages of a file, by group and slot.
    private typealias Pages = [[[UInt8]]]

    /// Writes a file with several groups of random, text and delta pages.
    private static func file(
        _ builder: inout Builder, _ generator: inout Seeded,
        _ compression: Compression = .default
    ) throws -> Pages {
        var pages: Pages = []
        var groups: [(level: Int, pages: [Builder.Page])] = []
        for group in 0..<4 {
            var contents: [[UInt8]] = []
            var stored: [Builder.Page] = []
            for slot in 0..<Int.random(in: 1...90, using: &generator) {
                let text = GeneratedImage.text(group * 100 + slot)
                if group > 0, slot < pages[0].count, Bool.random(using: &generator) {
                    var content = pages[0][slot]
                    content[slot * 7] ^= 0xff
                    let base = Location(number: 1, group: 0, slot: slot)
                    stored.append(.delta(content, against: pages[0][slot], at: base))
                    contents.append(content)
                    continue
                }
                let content =
                    slot % 3 == 0
                    ? (0..<4096).map { _ in UInt8.random(in: 0...255, using: &generator) } : text
                stored.append(.literal(content))
                contents.append(content)
            }
            pages.append(contents)
            groups.append((0, stored))
        }
        try builder.write(number: 1, groups: groups, pageCount: 1, compression)
        return pages
    }

    /// Rewrites the file of checkpoint 1.
    private static func rewrite(
        _ builder: Builder, keeping live: [Int: PageSet]
    ) throws {
        let source = try builder.guestFiles().savevm(.savevm(1))
        var rewriter = try SavevmRewriter(source, .savevm(1), in: builder.directory)
        for group in 0..<source.groupCount {
            let live = live[group] ?? PageSet()
            try rewriter.append(
                live.isEmpty ? nil : try source.entryIfPresent(ofGroup: group), live: live)
        }
        _ = try rewriter.publish()
    }

    private static func page(
        _ group: Int, _ slot: Int, _ reader: inout PageReader
    ) throws -> [UInt8] {
        try reader.page(at: Location(number: 1, group: group, slot: slot), level: 0)
    }

    @Test("live slots keep their locations and contents, and dead ones are gone", arguments: 0..<12)
    func random(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let scratch = try Scratch()
        var builder = try Builder(scratch)
        let compression = Builder.compressions[seed % Builder.compressions.count]
        let pages = try Self.file(&builder, &generator, compression)
        let before = try builder.guestFiles().savevm(.savevm(1))
        // Each further rewriting keeps a subset of the slots; bases are in group 0, which stays.
        var live: [Int: PageSet] = [0: PageSet(first: pages[0].count)]
        for group in 1..<4 { live[group] = PageSet(first: pages[group].count) }
        for generation in 1...3 {
            for group in 1..<4 {
                for slot in pages[group].indices where Int.random(in: 0..<3, using: &generator) == 0
                {
                    live[group]?.remove(slot)
                }
            }
            try Self.rewrite(builder, keeping: live)
            let file = try builder.guestFiles().savevm(.savevm(1))
            #expect(file.generation == generation && file.reference == before.reference)
            #expect(file.header == before.header)
            #expect(try file.blocks() == before.blocks())
            #expect(try file.references() == before.references())
            #expect(file.checkpoint == before.checkpoint)
            #expect(file.byteCount < before.byteCount)
            var reader = PageReader(builder.files())
            for group in 0..<4 {
                for (slot, content) in pages[group].enumerated() {
                    if live[group]?.contains(slot) ?? false {
                        #expect(try Self.page(group, slot, &reader) == content, "\(group):\(slot)")
                    } else {
                        #expect(throws: SnapError.self) { try Self.page(group, slot, &reader) }
                    }
                }
            }
        }
    }

    @Test("a file without live slots has no groups, and is read without damage")
    func empty() throws {
        var generator = Seeded(7)
        let scratch = try Scratch()
        var builder = try Builder(scratch)
        _ = try Self.file(&builder, &generator)
        try Self.rewrite(builder, keeping: [:])
        let file = try builder.guestFiles().savevm(.savevm(1))
        #expect(file.groupCount == 4)
        for group in 0..<4 { #expect(try file.entryIfPresent(ofGroup: group) == nil) }
    }

    @Test("a reader that opens a rewritten file again reads the live pages correctly")
    func reopening() throws {
        var generator = Seeded(8)
        let scratch = try Scratch()
        var builder = try Builder(scratch)
        let pages = try Self.file(&builder, &generator)
        try builder.write(number: 2, groups: [(0, [.literal(pages[0][0])])], pageCount: 1)
        let files = SavevmFiles(
            builder.references, in: builder.guestFiles(), openCountMax: 1)
        var reader = PageReader(files)
        let last = pages[0].count - 1
        // The head of group 0 stays in the reader's cache; its file does not stay open.
        #expect(try Self.page(0, last, &reader) == pages[0][last])
        let other = Location(number: 2, group: 0, slot: 0)
        #expect(try reader.page(at: other, level: 0) == pages[0][0])
        var live = PageSet()
        for slot in pages[0].indices where slot % 2 == last % 2 { live.insert(slot) }
        try Self.rewrite(builder, keeping: [0: live])
        for slot in pages[0].indices.reversed() where slot % 2 == last % 2 {
            #expect(try Self.page(0, slot, &reader) == pages[0][slot], "\(slot)")
            #expect(try reader.page(at: other, level: 0) == pages[0][0])
            try reader.checkClusters(
                of: [PageRequest(Location(number: 1, group: 0, slot: slot), targetPage: 0)],
                level: 0)
        }
    }

    @Test("damage in a live cluster stops a rewriting, and the file stays as it was")
    func damage() throws {
        var generator = Seeded(9)
        let scratch = try Scratch()
        var builder = try Builder(scratch)
        let pages = try Self.file(&builder, &generator)
        var bytes = try bytes(of: builder.path(1))
        let source = try builder.guestFiles().savevm(.savevm(1))
        let entry = try #require(try source.entryIfPresent(ofGroup: 1))
        bytes[entry.bytes.upperBound - 1] ^= 1
        try write(bytes, to: builder.path(1))
        let error = #expect(throws: SnapError.self) {
            try Self.rewrite(builder, keeping: [1: PageSet(first: pages[1].count)])
        }
        #expect(error?.code == .damaged)
        #expect(try TestSupport.bytes(of: builder.path(1)) == bytes)
    }
}
