import CZstd
import SnapSystem

/// A decoder of zstd files (RFC 8878) that uses libzstd.
///
/// The library refuses a frame whose window is longer than 128 MiB, which bounds its memory.
@safe
package final class ZstdDecoder: FileDecoder {
    // Owned from `init` to `deinit`.
    private let context: OpaquePointer
    /// Whether the last frame has ended, after which another one may follow.
    package private(set) var isComplete = false

    /// Creates a decoder.
    package init() {
        // It fails only if memory runs out, which ends the process everywhere else too.
        guard let context = unsafe ZSTD_createDCtx() else {
            preconditionFailure("cannot allocate a decompression context")
        }
        unsafe self.context = context
    }

    deinit { unsafe ZSTD_freeDCtx(context) }

    /// Decodes the next bytes of the file, as `FileDecoder` describes.
    ///
    /// - Parameters:
    ///   - source: The next bytes of the file.
    ///   - target: Receives decoded bytes.
    /// - Returns: The numbers of bytes, and whether the file is damaged.
    package func decode(
        _ source: RawSpan, into target: inout MutableRawSpan
    ) -> DecodingProgress {
        unsafe source.withUnsafeBytes { source in
            unsafe target.withUnsafeMutableBytes { target in
                var input = unsafe ZSTD_inBuffer(
                    src: source.baseAddress, size: source.count, pos: 0)
                var output = unsafe ZSTD_outBuffer(
                    dst: target.baseAddress, size: target.count, pos: 0)
                let result = unsafe ZSTD_decompressStream(context, &output, &input)
                isComplete = result == 0
                return unsafe DecodingProgress(
                    consumedByteCount: input.pos, writtenByteCount: output.pos,
                    isDamaged: ZSTD_isError(result) != 0)
            }
        }
    }
}
