import CZstd
import Codecs
import GuestMemory
import SnapSystem
import TestSupport
import Testing

/// zstd frames that libzstd would decode, but which savevm(5) does not allow.
@Suite("Hostile zstd frames")
struct HostileFrameTests {
    private static let content = Array((0..<8).flatMap { GeneratedImage.text($0) })

    /// Compresses the content with parameters of libzstd that snap does not use.
    private static func frame(_ parameters: [(ZSTD_cParameter, Int32)]) throws -> [UInt8] {
        let context = try #require(ZSTD_createCCtx())
        defer { ZSTD_freeCCtx(context) }
        for (parameter, value) in parameters {
            try #require(ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) == 0)
        }
        var frame = [UInt8](repeating: 0, count: ZSTD_compressBound(content.count))
        let count = ZSTD_compress2(context, &frame, frame.count, content, content.count)
        try #require(ZSTD_isError(count) == 0)
        return Array(frame[..<count])
    }

    private static func decode(_ frame: [UInt8]) -> [UInt8]? {
        Decoding.content(frame, .zstd, byteCount: content.count, by: Decompressor())
    }

    @Test("a frame of one segment without checksum and dictionary is read")
    func plain() throws {
        #expect(try Self.decode(Self.frame([])) == Self.content)
    }

    @Test("a frame with a checksum, a window or no length is refused")
    func parameters() throws {
        let variants: [(ZSTD_cParameter, Int32)] = [
            (ZSTD_c_checksumFlag, 1), (ZSTD_c_windowLog, 10), (ZSTD_c_contentSizeFlag, 0),
        ]
        for variant in variants {
            let frame = try Self.frame([variant])
            var content = [UInt8](repeating: 0, count: Self.content.count)
            let count = ZSTD_decompress(&content, content.count, frame, frame.count)
            #expect(count == content.count && content == Self.content, "libzstd reads it")
            #expect(Self.decode(frame) == nil)
        }
    }

    @Test("skippable frames, an empty frame and several frames are refused")
    func frames() throws {
        let frame = try Self.frame([])
        let skippable: [UInt8] = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]
        let empty: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0]
        for stored in [
            skippable, empty, skippable + frame, frame + skippable, frame + empty, empty + frame,
        ] {
            #expect(Self.decode(stored) == nil)
        }
        #expect(Decoding.content(empty, .zstd, byteCount: 0, by: Decompressor()) == [])
    }

    @Test("a frame that claims more content or another window than it has is refused")
    func claims() throws {
        let frame = try Self.frame([])
        // Each descriptor, with each of some lengths after it.
        for descriptor in UInt8.min...UInt8.max {
            for count in [0, 1, 2, 4, 8] {
                let claim = [UInt8](repeating: 0xff, count: count)
                let hostile = frame[..<4] + [descriptor] + claim + frame[7...]
                #expect(Self.decode(Array(hostile)) == nil)
            }
        }
    }

    @Test("blocks with more or less content than the frame's header says are refused")
    func lengths() throws {
        // A raw block of each length, the last one, in a frame of each stated length.
        for (stated, actual) in [(8, 8), (8, 7), (8, 9), (8, 0), (0, 8), (200, 255), (255, 255)] {
            let block = actual << 3 | 1
            let frame: [UInt8] =
                [
                    0x28, 0xb5, 0x2f, 0xfd, 0x20, UInt8(stated), UInt8(block & 0xff),
                    UInt8(block >> 8), 0,
                ]
                + [UInt8](repeating: 7, count: actual)
            let found = Decoding.content(frame, .zstd, byteCount: stated, by: Decompressor())
            let content = [UInt8](repeating: 7, count: stated)
            #expect(found == (stated == actual ? content : nil), "\(stated), \(actual)")
            // No room beyond the stated length is used.
            let more = Decoding.content(frame, .zstd, byteCount: actual + 1, by: Decompressor())
            #expect(more == nil || actual + 1 == stated)
        }
    }
}
