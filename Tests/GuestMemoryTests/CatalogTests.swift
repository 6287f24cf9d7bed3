import GuestMemory
import SnapSystem
import TestSupport
import Testing

@Suite("Names, specifiers and ids")
struct CatalogTests {
    private static func guest(_ text: String) throws -> GuestName {
        try GuestName(checking: text, as: "guest")
    }

    @Test("a printed specifier is parsed as the same specifier", arguments: 0..<50)
    func roundTrip(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let guest = try Self.guest(generator.choice(["g", "web-1.example_x", "0"]))
        let number = Int.random(in: 1...Checkpoint.numberMax, using: &generator)
        let seconds = Int.random(in: -62_167_219_200...253_402_300_799, using: &generator)
        let specifiers: [CheckpointSpecifier] = [
            .latest(guest, back: 0), .latest(guest, back: number),
            .name(CheckpointName(guest: guest, number: number)),
            .time(guest, Timestamp(secondsSinceEpoch: seconds)), .guestOrID(guest.description),
        ]
        for specifier in specifiers {
            #expect(try CheckpointSpecifier(parsing: specifier.description) == specifier)
        }
    }

    @Test("a malformed specifier is a usage error")
    func malformed() {
        for text in [
            "", "-", "@", ":", "@latest", ":1", "g@latest~-1", "g@latest~+1", "g@latest~ 1",
            "g@latest~16777216", "g:+1", "g:-1", "g:0x1", "g:1 ", "g: 1", "g:1:2", "g:१", "g@now",
            "g@2026-11-20T10", "g@2026-11-20 10:00", "g@2026-11-20T24:00Z", "g@2026-11-20T10:60Z",
            "g@2026-11-20T10:00:60Z", "g@2026-02-29T10:00Z", "g@10000-01-01T00:00Z", "a b", "é",
        ] {
            let error = #expect(throws: SnapError.self, "\(text)") {
                try CheckpointSpecifier(parsing: text)
            }
            #expect(error?.code == .usage, "\(text)")
        }
    }

    @Test("only a checkpoint name or a complete id is an exact specifier")
    func exact() throws {
        let id = String(repeating: "0aF9", count: 8)
        for (text, isExact) in [
            ("g:1", true), (id, true), (String(id.dropLast()), false), (id + "0", false),
            ("g" + id.dropLast(), false), ("g", false), ("g@latest", false),
            ("g@2026-11-20T10:00Z", false),
        ] {
            #expect(try CheckpointSpecifier(parsing: text).isExact == isExact, "\(text)")
        }
    }

    @Test("an invalid guest name is a usage error that contains the name")
    func guestNames() {
        let error = #expect(throws: SnapError.self) { try Self.guest("a/b") }
        #expect(error?.code == .usage && error?.message.contains("\"a/b\"") == true)
    }

    @Test("checkpoint names are ordered by guest, then by number")
    func order() throws {
        let names = try [("a", 2), ("a", 10), ("b", 1), ("ba", 1)].map {
            CheckpointName(guest: try Self.guest($0), number: $1)
        }
        #expect(names.reversed().sorted() == names)
    }

    @Test("an id is parsed only from its 32 hexadecimal digits", arguments: 0..<20)
    func identifiers(seed: Int) {
        var generator = Seeded(UInt64(seed))
        let id = Identifier(
            high: generator.next() >> UInt64(seed % 64), low: generator.next() >> UInt64(seed))
        #expect(id.hex.count == 32)
        #expect(Identifier(hex: id.hex) == id && Identifier(hex: id.hex.uppercased()) == id)
        let (most, rest) = (String(id.hex.dropLast()), String(id.hex.dropFirst()))
        let texts = [
            most, "\(id.hex)0", "+\(rest)", "-\(rest)", " \(rest)", "\(most)g", "\(most)é",
        ]
        for text in texts {
            #expect(Identifier(hex: text) == nil, "\(text)")
        }
    }

    @Test("random ids differ from each other and from Identifier.none")
    func randomIdentifiers() {
        let ids = Set((0..<1000).map { _ in Identifier.random() })
        #expect(ids.count == 1000 && !ids.contains(.none))
    }

    @Test("page counts are added kind by kind")
    func counts() {
        var sum = PageCounts()
        for (index, field) in PageCounts.fields.enumerated() {
            var counts = PageCounts()
            counts[keyPath: field] = 1 << index
            sum.add(counts)
            sum.add(counts)
        }
        for (index, field) in PageCounts.fields.enumerated() {
            #expect(sum[keyPath: field] == 2 << index)
        }
        // The last two counts are parts of other counts.
        #expect(sum.total == 2 * 0b11111)
        #expect(sum.changed == sum.becameZero + sum.duplicate + sum.delta + sum.literal)
    }
}
