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

    @Test("random bytes never trap the decoder", arguments: 0..<50)
    func fuzz(seed: Int) {
        var generator = Seeded(UInt64(seed))
        for _ in 0..<200 {
            let count = Int.random(in: 0...100, using: &generator)
            let runs = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            _ = Self.apply(runs, to: [UInt8](repeating: 0, count: 4096))
        }
    }
}
