import CZlib
import Codecs
import GuestMemory
import SnapSystem
import TestSupport
import Testing

/// Every codec with every level.
let everyCompression = CheckpointCodec.allCases.flatMap { codec in
    (0...9).compactMap { CompressionLevel($0) }.map { Compression(codec, $0) }
}

extension Compression: CustomTestStringConvertible {
    /// The codec and level, for messages of the tests.
    public var testDescription: String { "\(codec.rawValue) \(level.rawValue)" }

    /// The codec of content that becomes shorter.
    var shortening: Codec {
        if level == .stored { return .stored }
        return codec == .zlib ? .zlib : .zstd
    }
}

/// Decodes clusters into arrays.
enum Decoding {
    /// Decodes all of a cluster's content; returns nil if it is damaged.
    static func content(
        _ stored: [UInt8], _ codec: Codec, byteCount: Int, by decompressor: borrowing Decompressor
    ) -> [UInt8]? {
        start(stored, codec, byteCount: byteCount, needed: byteCount, by: decompressor)
    }

    /// Decodes the start of a cluster's content; returns at least the needed bytes.
    static func start(
        _ stored: [UInt8], _ codec: Codec, byteCount: Int, needed: Int,
        by decompressor: borrowing Decompressor
    ) -> [UInt8]? {
        var target = [UInt8](repeating: 0xee, count: byteCount)
        let count = stored.withBytes { stored in
            target.withMutableBytes {
                decompressor.decode(stored, codec, needed: needed, into: &$0)
            }
        }
        return count.map { Array(target[..<$0]) }
    }
}

@Suite("Codecs")
struct CodecTests {
    private static let contents: [[UInt8]] = {
        var generator = Seeded(1)
        let text = (0..<16).flatMap { GeneratedImage.text($0) }
        let noise = (0..<16).flatMap { _ in GeneratedImage.noise(&generator) }
        return [[1], [0, 0], text, noise, Array(text[0..<5000] + noise[0..<5000])]
    }()

    private static func compress(
        _ content: [UInt8], _ compression: Compression
    ) throws -> ([UInt8], Codec) {
        let compressor = try Compressor(compression)
        var stored: [UInt8] = []
        let codec = try content.withBytes { try compressor.compress($0, appendingTo: &stored) }
        return (stored, codec)
    }

    @Test(
        "what every codec and level writes is read, zlib streams also by zlib",
        arguments: everyCompression)
    func levels(compression: Compression) throws {
        let compressor = try Compressor(compression)
        let decompressor = Decompressor()
        // One compressor writes all, so that state left over from an earlier content is detected.
        for content in Self.contents + Self.contents.reversed() {
            var stored: [UInt8] = [0xee]
            let codec = try content.withBytes { try compressor.compress($0, appendingTo: &stored) }
            let stream = Array(stored.dropFirst())
            #expect(stored[0] == 0xee)
            #expect(
                Decoding.content(stream, codec, byteCount: content.count, by: decompressor)
                    == content)
            if codec == .stored {
                #expect(stream == content)
                continue
            }
            #expect(codec == compression.shortening && stream.count < content.count)
            guard codec == .zlib else { continue }
            var inflated = [UInt8](repeating: 0, count: content.count)
            var count = uLongf(content.count)
            #expect(uncompress(&inflated, &count, stream, uLong(stream.count)) == Z_OK)
            #expect(inflated == content && count == content.count)
        }
    }

    @Test(
        "text is compressed at every level except 0, and noise is stored",
        arguments: everyCompression)
    func codecs(compression: Compression) throws {
        #expect(try Self.compress(Self.contents[2], compression).1 == compression.shortening)
        #expect(try Self.compress(Self.contents[3], compression).1 == .stored)
    }

    @Test(
        "a damaged, truncated or extended stream is refused, and the next one is read",
        arguments: [Compression(.zlib, CompressionLevel(6)!), Compression(.zstd)])
    func damage(compression: Compression) throws {
        let content = Array(Self.contents[2].prefix(3000))
        let (stream, codec) = try Self.compress(content, compression)
        let decompressor = Decompressor()
        for index in stream.indices {
            var damaged = stream
            damaged[index] ^= 0x41
            let found = Decoding.content(damaged, codec, byteCount: content.count, by: decompressor)
            // Other bits for the window size and the level in zlib's header do no harm. A zstd
            // frame has no checksum of its content: that of the cluster detects the damage.
            if codec == .zlib { #expect(found == nil || found == content, "byte \(index)") }
            let start = Array(stream.prefix(index))
            #expect(
                Decoding.content(start, codec, byteCount: content.count, by: decompressor) == nil)
        }
        for (bytes, byteCount) in [
            (stream + [0], content.count), (stream, content.count - 1), (stream, content.count + 1),
            ([], content.count), (stream + stream, content.count),
            (stream + stream, 2 * content.count),
        ] {
            #expect(Decoding.content(bytes, codec, byteCount: byteCount, by: decompressor) == nil)
        }
        #expect(
            Decoding.content(stream, codec, byteCount: content.count, by: decompressor) == content)
    }

    @Test("the start of a content is the start of all of it", arguments: everyCompression)
    func start(compression: Compression) throws {
        var generator = Seeded(5)
        let decompressor = Decompressor()
        for content in Self.contents {
            let (stored, codec) = try Self.compress(content, compression)
            for _ in 0..<60 {
                let needed = Int.random(in: 0...content.count, using: &generator)
                let start = Decoding.start(
                    stored, codec, byteCount: content.count, needed: needed, by: decompressor)
                #expect(start.map { $0.count >= needed && content.starts(with: $0) } ?? false)
            }
            // A content that ends before the needed bytes is damage, even if its start is right.
            let beyond = Decoding.start(
                stored, codec, byteCount: content.count + 4096, needed: content.count + 1,
                by: decompressor)
            #expect(beyond == nil)
        }
    }
}
