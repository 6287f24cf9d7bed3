import Codecs
import GuestMemory
import SnapSystem
import TestSupport
import Testing

@Suite("Encoding deltas")
struct DeltaEncodingTests {
    private static let zeros = [UInt8](repeating: 0, count: 4096)

    /// Appends a delta to other bytes, which must not change; returns nil if the page is not stored
    /// as a delta.
    private static func encode(_ page: [UInt8], against base: [UInt8]) -> [UInt8]? {
        var runs: [UInt8] = [1, 2, 3]
        let isDelta = page.withBytes { page in
            base.withBytes { Delta.encode(page, against: $0, appendingTo: &runs) }
        }
        #expect(runs.starts(with: [1, 2, 3]))
        if !isDelta { #expect(runs.count == 3) }
        return isDelta ? Array(runs.dropFirst(3)) : nil
    }

    private static func decode(_ runs: [UInt8], _ base: [UInt8]) -> [UInt8]? {
        var page = base
        let isValid = runs.withBytes { runs in
            page.withMutableBytes { Delta.apply(runs, to: &$0) }
        }
        return isValid ? page : nil
    }

    private static func page(_ changes: [Int: UInt8]) -> [UInt8] {
        var page = zeros
        for (index, byte) in changes { page[index] = byte }
        return page
    }

    @Test("runs start and end at the expected bytes")
    func vectors() {
        let cases: [([Int: UInt8], [UInt8])] = [
            ([0: 5], [0, 1, 5]), ([4095: 5], [0xff, 0x1f, 1, 5]),
            ([127: 5], [127, 1, 5]), ([128: 5], [0x80, 1, 1, 5]),
            // A run continues over three unchanged bytes, and ends at four.
            ([0: 5, 4: 6], [0, 5, 5, 0, 0, 0, 6]), ([0: 5, 5: 6], [0, 1, 5, 4, 1, 6]),
            ([4091: 5, 4095: 6], [0xfb, 0x1f, 5, 5, 0, 0, 0, 6]),
        ]
        for (changes, runs) in cases {
            #expect(Self.encode(Self.page(changes), against: Self.zeros) == runs, "\(changes)")
        }
        // A page that equals its base still needs a run, because a delta cannot be empty.
        let base = Self.page([0: 9, 7: 7])
        #expect(Self.encode(base, against: base) == [0, 1, 9])
    }

    @Test("runs are encoded if the delta is shorter than half a page")
    func lengths() {
        for count in [126, 127, 128, 129, 2043, 2044] {
            let page = Array(repeating: UInt8(1), count: count) + Self.zeros.dropFirst(count)
            let runs = Self.encode(page, against: Self.zeros)
            #expect(runs?.count == 1 + (count < 128 ? 1 : 2) + count, "\(count)")
            #expect(runs.flatMap { Self.decode($0, Self.zeros) } == page)
        }
        for count in [2045, 2046, 4096] {
            let page = Array(repeating: UInt8(1), count: count) + Self.zeros.dropFirst(count)
            #expect(Self.encode(page, against: Self.zeros) == nil, "\(count)")
        }
    }

    @Test(
        "random edits are decoded exactly, and QEMU's encoding is not much shorter",
        arguments: 0..<200)
    func roundTrip(seed: Int) {
        var generator = Seeded(UInt64(seed))
        let base = GeneratedImage.noise(&generator)
        var page = base
        for range in GeneratedImage.editRanges(atMost: 60, byteCountMax: 60, &generator) {
            for index in range { page[index] = .random(in: 0...255, using: &generator) }
        }
        let plain = XBZRLE.encode(page, against: base)
        guard let runs = Self.encode(page, against: base) else {
            #expect(plain.count > 2000)
            return
        }
        #expect(Self.decode(runs, base) == page)
        #expect(runs.count <= max(plain.count + plain.count / 20, 3))
    }
}
