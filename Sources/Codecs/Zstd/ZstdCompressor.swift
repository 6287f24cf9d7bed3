import CZstd
import SnapSystem

/// A compressor that uses libzstd.
///
/// It creates one context, whose tables stay allocated, and writes one frame per cluster: with the
/// length of its content, as one segment, and without a checksum, since a cluster has its own.
@safe
struct ZstdCompressor: ~Copyable {
    // Owned from `init` to `deinit`.
    private let context: OpaquePointer

    /// The level of libzstd for each level of snap, 1 to 9, with about the speed of zlib's.
    private static let levels: [Int32] = [2, 3, 4, 5, 7, 9, 12, 15, 18]

    /// - Parameter level: snap's level, 1 to 9.
    /// - Throws: `.internalFailure` if the library cannot be set up.
    init(level: Int) throws(SnapError) {
        guard let context = unsafe ZSTD_createCCtx() else {
            throw SnapError(.internalFailure, "ZSTD_createCCtx returned no context")
        }
        let result = unsafe ZSTD_CCtx_setParameter(
            context, ZSTD_c_compressionLevel, Self.levels[level - 1])
        guard ZSTD_isError(result) == 0 else {
            unsafe ZSTD_freeCCtx(context)
            throw SnapError(.internalFailure, "ZSTD_CCtx_setParameter refused the level")
        }
        unsafe self.context = context
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// Compresses bytes into a frame if it fits the target.
    ///
    /// - Parameters:
    ///   - source: The bytes to compress.
    ///   - target: Receives the frame. It is shorter than `source`.
    /// - Returns: The frame's length in bytes; nil if the frame does not fit.
    /// - Throws: `.internalFailure` for any other failure of the library.
    func compress(
        _ source: RawSpan, into target: UnsafeMutableRawBufferPointer
    ) throws(SnapError) -> Int? {
        let result = unsafe source.withUnsafeBytes { source in
            unsafe ZSTD_compress2(
                context, target.baseAddress, target.count, source.baseAddress, source.count)
        }
        if ZSTD_isError(result) == 0 { return result }
        let code = ZSTD_getErrorCode(result)
        if code == ZSTD_error_dstSize_tooSmall { return nil }
        throw SnapError(.internalFailure, "ZSTD_compress2 returned error \(code.rawValue)")
    }
}
