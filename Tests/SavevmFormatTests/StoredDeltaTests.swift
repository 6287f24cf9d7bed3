import Codecs
import GuestMemory
import SavevmFormat
import SnapSystem
import TestSupport
import Testing

@Suite("Deltas in a savevm file")
struct StoredDeltaTests {
    /// Writes a checkpoint of ten text pages, and a second one of deltas against these pages, whose
    /// table is also a delta.
    private static func history(
        _ scratch: Scratch, _ compression: Compression
    ) throws -> (Builder, [Int: [UInt8]]) {
        var builder = try Builder(scratch)
        let pages = (0..<10).map { GeneratedImage.text($0) }
        let table = PageTableShape.encode((0..<10).map { Location(number: 1, group: 0, slot: $0) })
        try builder.write(
            number: 1,
            groups: [(0, pages.map { .literal($0) }), (1, [.literal(table)])], pageCount: 512,
            compression)
        var contents = Dictionary(uniqueKeysWithValues: pages.enumerated().map { ($0, $1) })
        var deltas: [Builder.Page] = []
        var entries = (0..<10).map { Location(number: 1, group: 0, slot: $0) }
        for (slot, page) in [7, 2, 3].enumerated() {
            var content = pages[page]
            content[page * 11] ^= 0xff
            content[4095] ^= 1
            // The base of page 3 is page 7, because any literal page can be a base.
            let base = page == 3 ? 7 : page
            if page == 3 { content = pages[7].dropLast() + [0] }
            deltas.append(
                .delta(content, against: pages[base], at: Location(number: 1, group: 0, slot: base))
            )
            entries[page] = Location(number: 2, group: 0, slot: slot)
            contents[page] = content
        }
        let literal = GeneratedImage.text(99)
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
            ], pageCount: 512, compression)
        return (builder, contents)
    }

    @Test("pages and tables stored as deltas are read", arguments: Builder.compressions)
    func reading(compression: Compression) throws {
        let scratch = try Scratch()
        let (builder, contents) = try Self.history(scratch, compression)
        #expect(try builder.read(2) == contents)
        #expect(try builder.locations(1).count { $0 != .zero } == 10)
        #expect(try builder.locations(2).count { $0 != .zero } == 11)
    }

    @Test("a base that is a delta, is not at a lower location, or does not match is damage")
    func bases() throws {
        let scratch = try Scratch()
        let (history, _) = try Self.history(scratch, Compression(.zlib, .stored))
        let page = GeneratedImage.text(5)
        let bad: [Location] = [
            Location(number: 2, group: 0, slot: 0),  // a delta
            Location(number: 3, group: 0, slot: 0),  // the delta's own location
            Location(number: 3, group: 0, slot: 5),  // a higher location
            Location(number: 1, group: 1, slot: 0),  // another level
            Location(number: 1, group: 0, slot: 10),  // no such slot
            Location(number: 1, group: 9, slot: 0),  // no such group
            Location(number: 2, group: 0, slot: 3),  // a literal page with other content
        ]
        for base in bad {
            var builder = history
            let table = PageTableShape.encode([Location(number: 3, group: 0, slot: 0)])
            try builder.write(
                number: 3,
                groups: [
                    (0, [.delta(page, against: GeneratedImage.text(6), at: base)]),
                    (1, [.literal(table)]),
                ], pageCount: 512)
            let error = #expect(throws: SnapError.self, "\(base)") { _ = try builder.read(3) }
            #expect(error?.code == .damaged && error?.path != nil, "\(base)")
            try builder.directory.remove(FileName.savevm(3).text)
        }
    }
}
