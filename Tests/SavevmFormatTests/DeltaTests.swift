import Codecs
import GuestMemory
import SavevmFormat
import SnapSystem
import TestSupport
import Testing

@Suite("Deltas")
struct DeltaTests {
    private static func apply(_ runs: [UInt8], to base: [UInt8]) -> [UInt8]? {
        var page = base
        let isValid = runs.withBytes { runs in
            page.withMutableBytes { Delta.apply(runs, to: &$0) }
        }
        return isValid ? page : nil
    }

    @Test("the vector of QEMU's encoding")
    func vector() {
        var expected = [UInt8](repeating: 0, count: 4096)
        expected.replaceSubrange(100..<103, with: [0xaa, 0xbb, 0xcc])
        expected[300] = 1
        let runs: [UInt8] = [0x64, 3, 0xaa, 0xbb, 0xcc, 0xc5, 1, 1, 1]
        #expect(Self.apply(runs, to: [UInt8](repeating: 0, count: 4096)) == expected)
        #expect(XBZRLE.encode(expected, against: [UInt8](repeating: 0, count: 4096)) == runs)
    }

    @Test("random edits come back", arguments: 0..<200)
    func roundTrip(seed: Int) {
        var generator = Seeded(UInt64(seed))
        let base = MadeUpImage.noise(&generator)
        var page = base
        for _ in 0..<Int.random(in: 0...40, using: &generator) {
            let start = Int.random(in: 0..<4096, using: &generator)
            let end = min(4096, start + Int.random(in: 1...50, using: &generator))
            for index in start..<end { page[index] = .random(in: 0...255, using: &generator) }
        }
        #expect(Self.apply(XBZRLE.encode(page, against: base), to: base) == page)
    }

    @Test("malformed runs are refused")
    func malformed() {
        let zeros = [UInt8](repeating: 0, count: 4096)
        let cases: [[UInt8]] = [
            [5], [5, 0], [0, 1], [0, 2, 1], [0, 1, 1, 0, 1, 1], [0x80], [0x80, 0x80],
            [0x80, 0x20, 1, 1], [0xff, 0x1f, 2, 1, 1], [0, 0x81, 0x80],
            [0xff, 0x7f, 0xff, 0x7f],
        ]
        for runs in cases { #expect(Self.apply(runs, to: zeros) == nil, "\(runs)") }
        #expect(Self.apply([0xff, 0x1f, 1, 9], to: zeros)?[4095] == 9)
    }

    @Test("any bytes as runs do not trap", arguments: 0..<50)
    func fuzz(seed: Int) {
        var generator = Seeded(UInt64(seed))
        for _ in 0..<200 {
            let count = Int.random(in: 0...100, using: &generator)
            let runs = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            _ = Self.apply(runs, to: [UInt8](repeating: 0, count: 4096))
        }
    }

    /// A base checkpoint of ten text pages, and a second one of deltas against them whose table
    /// is a delta too.
    private static func history(_ scratch: Scratch, compression: Int) throws -> (
        Builder, [Int: [UInt8]]
    ) {
        var builder = try Builder(scratch)
        let pages = (0..<10).map { MadeUpImage.text($0) }
        let table = PageTableShape.encode((0..<10).map { Location(number: 1, group: 0, slot: $0) })
        try builder.write(
            number: 1,
            groups: [(0, pages.map { .literal($0) }), (1, [.literal(table)])], pageCount: 512,
            compression: compression)
        var contents = Dictionary(uniqueKeysWithValues: pages.enumerated().map { ($0, $1) })
        var deltas: [Builder.Page] = []
        var entries = (0..<10).map { Location(number: 1, group: 0, slot: $0) }
        for (slot, page) in [7, 2, 3].enumerated() {
            var content = pages[page]
            content[page * 11] ^= 0xff
            content[4095] ^= 1
            // Page 3 differs from another page's base: bases are any literal pages.
            let base = page == 3 ? 7 : page
            if page == 3 { content = pages[7].dropLast() + [0] }
            deltas.append(
                .delta(content, against: pages[base], at: Location(number: 1, group: 0, slot: base))
            )
            entries[page] = Location(number: 2, group: 0, slot: slot)
            contents[page] = content
        }
        let literal = MadeUpImage.text(99)
        deltas.append(.literal(literal))
        entries.append(Location(number: 2, group: 0, slot: 3))
        contents[10] = literal
        try builder.write(
            number: 2,
            groups: [
                (0, deltas),
                (
                    1,
                    [
                        .delta(
                            PageTableShape.encode(entries), against: table,
                            at: Location(number: 1, group: 1, slot: 0))
                    ]
                ),
            ], pageCount: 512, compression: compression)
        return (builder, contents)
    }

    @Test("pages and tables stored as deltas are read", arguments: [0, 1, 6])
    func reading(compression: Int) throws {
        let scratch = try Scratch()
        let (builder, contents) = try Self.history(scratch, compression: compression)
        #expect(try builder.read(2) == contents)
        #expect(try builder.locations(1).count { $0 != .zero } == 10)
        #expect(try builder.locations(2).count { $0 != .zero } == 11)
    }

    @Test("a base that is a delta, is not lower, or does not fit is damage")
    func bases() throws {
        let scratch = try Scratch()
        let (history, _) = try Self.history(scratch, compression: 0)
        let page = MadeUpImage.text(5)
        let bad: [Location] = [
            Location(number: 2, group: 0, slot: 0),  // a delta itself
            Location(number: 3, group: 0, slot: 0),  // the page itself
            Location(number: 3, group: 0, slot: 5),  // higher
            Location(number: 1, group: 1, slot: 0),  // of another level
            Location(number: 1, group: 0, slot: 10),  // no such slot
            Location(number: 1, group: 9, slot: 0),  // no such group
            Location(number: 2, group: 0, slot: 3),  // literal, of other content
        ]
        for base in bad {
            var builder = history
            let table = PageTableShape.encode([Location(number: 3, group: 0, slot: 0)])
            try builder.write(
                number: 3,
                groups: [
                    (0, [.delta(page, against: MadeUpImage.text(6), at: base)]),
                    (1, [.literal(table)]),
                ], pageCount: 512)
            let error = #expect(throws: SnapError.self, "\(base)") { _ = try builder.read(3) }
            #expect(error?.code == .damaged && error?.path != nil, "\(base)")
            try builder.directory.remove(FileName.savevm(3).text)
        }
    }
}
