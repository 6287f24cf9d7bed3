import CZlib
import CZstd
import Codecs
import GuestMemory
import SnapSystem
import TestSupport
import Testing

@Suite("Codecs and random content")
struct RandomContentTests {
    /// Generates random content: runs of one byte, noise, and repetitions of preceding bytes.
    private static func content(_ generator: inout Seeded) -> [UInt8] {
        var bytes: [UInt8] = []
        let count = generator.choice([0, 1, 2, 100, 4096, 70_000])
        while bytes.count < count {
            let run = Int.random(in: 1...2000, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: bytes += [UInt8](repeating: .random(in: 0...255, using: &generator), count: run)
            case 1: bytes += (0..<run).map { _ in .random(in: 0...255, using: &generator) }
            default: bytes += bytes.suffix(run)
            }
        }
        return Array(bytes.prefix(count))
    }

    @Test("compressed content is decoded unchanged", arguments: everyCompression)
    func roundTrip(compression: Compression) throws {
        var generator = Seeded(UInt64(compression.level.rawValue))
        let compressor = try Compressor(compression)
        let decompressor = Decompressor()
        for _ in 0..<60 {
            let content = Self.content(&generator)
            var stored: [UInt8] = []
            let codec = try content.withBytes { try compressor.compress($0, appendingTo: &stored) }
            // Content that does not become shorter is stored.
            #expect(stored.count <= content.count)
            #expect((codec == .stored) == (stored.count == content.count))
            let count = content.count
            #expect(Decoding.content(stored, codec, byteCount: count, by: decompressor) == content)
            for wrong in [count - 1, count + 1] where wrong >= 0 {
                #expect(Decoding.content(stored, codec, byteCount: wrong, by: decompressor) == nil)
            }
            if !stored.isEmpty {
                let cut = Array(stored.dropLast())
                #expect(Decoding.content(cut, codec, byteCount: count, by: decompressor) == nil)
            }
            #expect(
                Decoding.content(stored + [0], codec, byteCount: count, by: decompressor) == nil)
        }
    }

    @Test("a damaged zlib stream is read if and only if zlib reads it", arguments: 0..<30)
    func damage(seed: Int) throws {
        var generator = Seeded(1000 + UInt64(seed))
        let content = Self.content(&generator) + GeneratedImage.text(seed)
        let level = try #require(CompressionLevel(1 + seed % 9))
        let compressor = try Compressor(Compression(.zlib, level))
        var stream: [UInt8] = []
        let codec = try content.withBytes { try compressor.compress($0, appendingTo: &stream) }
        // Noise is stored without a header. Stored bytes have no invalid content, so damage to them
        // could not be detected.
        if codec == .stored { stream = [0x78, 0x9c] + stream }
        let decompressor = Decompressor()
        var readCount = 0
        for _ in 0..<200 {
            let damaged = Self.damaged(stream, &generator)
            let found = Decoding.content(damaged, .zlib, byteCount: content.count, by: decompressor)
            let isSame = found == Self.zlib(damaged, byteCount: content.count)
            #expect(isSame, "seed \(seed)")
            if found != nil { readCount += 1 }
        }
        if codec == .zlib { #expect(readCount > 0) }
    }

    @Test("a damaged zstd frame is read only as libzstd reads it", arguments: 0..<30)
    func frameDamage(seed: Int) throws {
        var generator = Seeded(2000 + UInt64(seed))
        let content = Self.content(&generator) + GeneratedImage.text(seed)
        let level = try #require(CompressionLevel(1 + seed % 9))
        let compressor = try Compressor(Compression(.zstd, level))
        var frame: [UInt8] = []
        let codec = try content.withBytes { try compressor.compress($0, appendingTo: &frame) }
        let decompressor = Decompressor()
        var readCount = 0
        for _ in 0..<200 {
            let damaged = Self.damaged(frame, &generator)
            let found = Decoding.content(damaged, .zstd, byteCount: content.count, by: decompressor)
            let isAllowed = found == nil || found == Self.zstd(damaged, byteCount: content.count)
            #expect(isAllowed, "seed \(seed)")
            if found != nil { readCount += 1 }
        }
        if codec == .zstd { #expect(readCount > 0) }
    }

    /// Replaces up to two bytes, often in the first 30.
    private static func damaged(
        _ stored: [UInt8], _ generator: inout Seeded
    ) -> [UInt8] {
        var damaged = stored
        for _ in 0..<Int.random(in: 0...2, using: &generator) {
            let index = Int.random(
                in: 0..<generator.choice([30, damaged.count]), using: &generator)
            damaged[min(index, damaged.count - 1)] = .random(in: 0...255, using: &generator)
        }
        return damaged
    }

    /// Decompresses frames with libzstd; returns nil if it refuses them.
    private static func zstd(_ frames: [UInt8], byteCount: Int) -> [UInt8]? {
        var target = [UInt8](repeating: 0xee, count: byteCount)
        let count = ZSTD_decompress(&target, byteCount, frames, frames.count)
        return count == byteCount ? target : nil
    }

    /// Inflates a stream with zlib.
    ///
    /// - Returns: The content; nil if zlib refuses the stream, if bytes follow it, or if the
    ///   content has another length.
    private static func zlib(_ stream: [UInt8], byteCount: Int) -> [UInt8]? {
        var target = [UInt8](repeating: 0xee, count: byteCount)
        var (sourceCount, targetCount) = (uLong(stream.count), uLongf(byteCount))
        let result = uncompress2(&target, &targetCount, stream, &sourceCount)
        let isComplete = result == Z_OK && targetCount == byteCount && sourceCount == stream.count
        return isComplete ? target : nil
    }

    @Test("only the compression levels 0 to 9 exist")
    func levels() {
        #expect((-3...12).filter { CompressionLevel($0) != nil } == Array(0...9))
        #expect(CompressionLevel.stored.rawValue == 0)
    }
}
