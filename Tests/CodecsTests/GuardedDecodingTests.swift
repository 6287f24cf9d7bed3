import Codecs
import GuestMemory
import SnapSystem
import TestSupport
import Testing

/// The libraries decode with assembler code, which no sanitizer checks.
@Suite("Decoding at the end of memory")
struct GuardedDecodingTests {
    @Test(
        "damaged clusters are decoded without access beyond the stored bytes or the target",
        arguments: CheckpointCodec.allCases, 0..<12)
    func damage(codec: CheckpointCodec, seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let pages = (0..<Int.random(in: 1...12, using: &generator)).flatMap { page in
            page % 5 == 4 ? GeneratedImage.noise(&generator) : GeneratedImage.text(seed + page)
        }
        let level = try #require(CompressionLevel(1 + seed % 9))
        let compressor = try Compressor(Compression(codec, level))
        var stored: [UInt8] = []
        let form = try pages.withBytes { try compressor.compress($0, appendingTo: &stored) }
        let decompressor = Decompressor()
        let source = GuardedMemory(byteCountMax: 1 << 16)
        let target = GuardedMemory(byteCountMax: 1 << 16)
        for _ in 0..<400 {
            var damaged = stored
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                damaged[.random(in: damaged.indices, using: &generator)] =
                    .random(in: 0...255, using: &generator)
            }
            damaged.removeLast(generator.choice([0, 0, 1, damaged.count / 2]))
            let from = source.last(damaged.count)
            from.copyBytes(from: damaged)
            let needed = generator.choice([
                pages.count, Int.random(in: 0...pages.count, using: &generator),
            ])
            target.last(pages.count).initializeMemory(as: UInt8.self, repeating: 0xee)
            var into = target.last(pages.count).mutableBytes
            let count = decompressor.decode(
                UnsafeRawBufferPointer(from).bytes, form, needed: needed, into: &into)
            #expect(count.map { (needed...pages.count).contains($0) } ?? true)
            if damaged == stored {
                #expect(count != nil)
                #expect(target.last(pages.count).prefix(needed).elementsEqual(pages[..<needed]))
            }
        }
    }
}
