import Codecs
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

    @Test("QEMU's test vector is decoded")
    func vector() {
        var expected = [UInt8](repeating: 0, count: 4096)
        expected.replaceSubrange(100..<103, with: [0xaa, 0xbb, 0xcc])
        expected[300] = 1
        let runs: [UInt8] = [0x64, 3, 0xaa, 0xbb, 0xcc, 0xc5, 1, 1, 1]
        #expect(Self.apply(runs, to: [UInt8](repeating: 0, count: 4096)) == expected)
        #expect(XBZRLE.encode(expected, against: [UInt8](repeating: 0, count: 4096)) == runs)
    }

    @Test("random edits are decoded exactly", arguments: 0..<200)
    func roundTrip(seed: Int) {
        var generator = Seeded(UInt64(seed))
        let base = GeneratedImage.noise(&generator)
        var page = base
        for range in GeneratedImage.editRanges(atMost: 40, byteCountMax: 50, &generator) {
            for index in range { page[index] = .random(in: 0...255, using: &generator) }
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

    @Test("random runs are applied or refused as by a plain decoder", arguments: 0..<50)
    func fuzz(seed: Int) {
        var generator = Seeded(UInt64(seed))
        let zeros = [UInt8](repeating: 0, count: 4096)
        var appliedCount = 0
        for _ in 0..<200 {
            let runs = Self.runs(&generator)
            let found = Self.apply(runs, to: zeros)
            #expect(found == XBZRLE.decode(runs, onto: zeros), "\(runs)")
            if found != nil { appliedCount += 1 }
        }
        #expect((1..<200).contains(appliedCount))
    }

    /// Generates random runs: noise, or runs whose lengths are mostly valid.
    private static func runs(_ generator: inout Seeded) -> [UInt8] {
        if Int.random(in: 0..<4, using: &generator) == 0 {
            let count = Int.random(in: 0...100, using: &generator)
            return (0..<count).map { _ in .random(in: 0...255, using: &generator) }
        }
        var runs: [UInt8] = []
        for _ in 0..<Int.random(in: 0...4, using: &generator) {
            let lengths = (0..<2).map { _ in
                generator.choice([0, 1, 2, 100, 127, 128, 300, 1365, 2000, 4095, 4096])
            }
            for length in lengths {
                let low = UInt8(length & 0x7f)
                switch (length, Int.random(in: 0..<8, using: &generator)) {
                // A length below 128 can have one byte or two. Three bytes are malformed.
                case (..<128, 0): runs += [low | 0x80, 0]
                case (..<128, 1): runs += [low | 0x80, 0x80, 0]
                case (..<128, _): runs += [low]
                default: runs += [low | 0x80, UInt8(length >> 7)]
                }
            }
            let excess = generator.choice([-1, 0, 0, 0, 0, 1])
            runs += (0..<max(0, lengths[1] + excess)).map { UInt8(truncatingIfNeeded: $0) }
        }
        return runs
    }

    @Test("runs are appended if and only if they fit the given length", arguments: 0..<40)
    func lengthLimit(seed: Int) {
        var generator = Seeded(UInt64(seed))
        let base = GeneratedImage.noise(&generator)
        var page = base
        for range in GeneratedImage.editRanges(atMost: 30, byteCountMax: 60, &generator) {
            for index in range { page[index] &+= 1 }
        }
        let encode = { (byteCountMax: Int) -> [UInt8]? in
            var runs: [UInt8] = [7]
            let fits = page.withBytes { page in
                base.withBytes {
                    Delta.encode(page, against: $0, byteCountMax: byteCountMax, appendingTo: &runs)
                }
            }
            #expect(runs[0] == 7 && (fits || runs.count == 1))
            return fits ? Array(runs.dropFirst()) : nil
        }
        let unlimited = encode(Delta.byteCountMax)
        for byteCountMax in [3, 10, 100, 500, 1000, Delta.byteCountMax] {
            let isExpected = unlimited.map { $0.count <= byteCountMax } ?? false
            #expect(encode(byteCountMax) == (isExpected ? unlimited : nil), "\(byteCountMax)")
        }
        if let unlimited { #expect(Self.apply(unlimited, to: base) == page) }
    }
}
