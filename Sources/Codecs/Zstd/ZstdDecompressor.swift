import CZstd
import SnapSystem

/// A decompressor of zstd frames that uses libzstd.
@safe
struct ZstdDecompressor: ~Copyable {
    // Owned from `init` to `deinit`.
    private let context: OpaquePointer

    /// The bytes with which a frame starts: the magic number, and the descriptor.
    ///
    /// The top two bits of the descriptor are the width of the content's length. The others say
    /// that the frame is a single segment, without checksum and dictionary (RFC 8878, 3.1.1.1).
    private static let magic: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]
    private static let descriptor: UInt8 = 0b0010_0000
    private static let descriptorMask: UInt8 = 0b0011_1111

    init() {
        // It fails only if memory runs out, which ends the process everywhere else too.
        guard let context = unsafe ZSTD_createDCtx() else {
            preconditionFailure("cannot allocate a decompression context")
        }
        unsafe self.context = context
    }

    deinit { unsafe ZSTD_freeDCtx(context) }

    /// Decompresses a frame, which need not be valid.
    ///
    /// A frame of a single segment needs no window besides the target, so no frame makes the
    /// library allocate memory.
    ///
    /// - Parameters:
    ///   - source: One frame, without bytes after its end.
    ///   - target: Receives the content. Its length must be that of the content.
    /// - Returns: false if the frame is damaged or has another form, or if its content has another
    ///   length; the bytes of `target` are then undefined.
    func decompress(_ source: RawSpan, into target: inout MutableRawSpan) -> Bool {
        unsafe source.withUnsafeBytes { source in
            unsafe target.withUnsafeMutableBytes { target in
                guard unsafe Self.isSingleSegment(source),
                    unsafe ZSTD_getFrameContentSize(source.baseAddress, source.count)
                        == UInt64(target.count),
                    // The library would decode the frames that follow, too.
                    unsafe ZSTD_findFrameCompressedSize(source.baseAddress, source.count)
                        == source.count
                else { return false }
                let byteCount = unsafe ZSTD_decompressDCtx(
                    context, target.baseAddress, target.count, source.baseAddress, source.count)
                return byteCount == target.count
            }
        }
    }

    private static func isSingleSegment(_ frame: UnsafeRawBufferPointer) -> Bool {
        guard frame.count > magic.count, unsafe frame.starts(with: magic) else { return false }
        return unsafe frame[magic.count] & descriptorMask == descriptor
    }
}
