import CZlib
import Codecs
import SnapSystem
import TestSupport
import Testing

@Suite("Codecs")
struct CodecTests {
    private static let contents: [[UInt8]] = {
        var generator = Seeded(1)
        let text = (0..<16).flatMap { GeneratedImage.text($0) }
        let noise = (0..<16).flatMap { _ in GeneratedImage.noise(&generator) }
        return [[1], [0, 0], text, noise, Array(text[0..<5000] + noise[0..<5000])]
    }()

    private static func inflate(_ stream: [UInt8], byteCount: Int) -> [UInt8]? {
        let inflater = Inflater()
        var target = [UInt8](repeating: 0, count: byteCount)
        let isComplete = stream.withBytes { stream in
            target.withMutableBytes { inflater.inflate(stream, into: &$0) }
        }
        return isComplete ? target : nil
    }

    @Test("snap and zlib read the streams of every level", arguments: 0...9)
    func levels(level: Int) throws {
        let deflater = try Deflater(CompressionLevel(level)!)
        // One deflater writes all streams, so that state left over from an earlier one is detected.
        for content in Self.contents + Self.contents.reversed() {
            var stored: [UInt8] = [0xee]
            let codec = try content.withBytes { try deflater.deflate($0, appendingTo: &stored) }
            let stream = Array(stored.dropFirst())
            #expect(stored[0] == 0xee)
            if codec == .stored {
                #expect(stream == content)
                continue
            }
            #expect(level > 0 && stream.count < content.count)
            #expect(Self.inflate(stream, byteCount: content.count) == content)
            var inflated = [UInt8](repeating: 0, count: content.count)
            var count = uLongf(content.count)
            #expect(uncompress(&inflated, &count, stream, uLong(stream.count)) == Z_OK)
            #expect(inflated == content && count == content.count)
        }
    }

    @Test("text is compressed at every level except 0, and noise is stored", arguments: 0...9)
    func codecs(level: Int) throws {
        let deflater = try Deflater(CompressionLevel(level)!)
        var target: [UInt8] = []
        let text = try Self.contents[2].withBytes { try deflater.deflate($0, appendingTo: &target) }
        #expect(text == (level == 0 ? .stored : .zlib))
        let noise = try Self.contents[3].withBytes {
            try deflater.deflate($0, appendingTo: &target)
        }
        #expect(noise == .stored)
    }

    @Test("a damaged, truncated or extended stream is refused, and the next one is read")
    func damage() throws {
        let content = Array(Self.contents[2].prefix(3000))
        let deflater = try Deflater(CompressionLevel(6)!)
        var stream: [UInt8] = []
        _ = try content.withBytes { try deflater.deflate($0, appendingTo: &stream) }
        for index in stream.indices {
            var damaged = stream
            damaged[index] ^= 0x41
            let found = Self.inflate(damaged, byteCount: content.count)
            // Other bits for the window size and the level in the header do no harm.
            #expect(found == nil || found == content, "byte \(index)")
            #expect(Self.inflate(Array(stream.prefix(index)), byteCount: content.count) == nil)
        }
        #expect(Self.inflate(stream + [0], byteCount: content.count) == nil)
        #expect(Self.inflate(stream, byteCount: content.count - 1) == nil)
        #expect(Self.inflate(stream, byteCount: content.count + 1) == nil)
        #expect(Self.inflate(stream, byteCount: content.count) == content)
    }
}
