import CDeflate
import SnapSystem

/// A decompressor of the compressed pages in QEMU's streams, which uses libdeflate.
///
/// It is reused for all pages of a stream, as libdeflate.h recommends.
@safe
struct PageInflater: ~Copyable {
    // Owned from `init` to `deinit`.
    private let decompressor: OpaquePointer

    /// Creates an inflater.
    init() {
        // It fails only if memory runs out, which ends the process everywhere else too.
        guard let decompressor = unsafe libdeflate_alloc_decompressor() else {
            preconditionFailure("cannot allocate a decompressor")
        }
        unsafe self.decompressor = decompressor
    }

    deinit { unsafe libdeflate_free_decompressor(decompressor) }

    /// Inflates a complete zlib stream, which need not be valid.
    ///
    /// - Parameters:
    ///   - source: The stream, without bytes after its end.
    ///   - target: Receives the content. Its length must be that of the content.
    /// - Returns: false if the stream is damaged or its content has another length; the bytes of
    ///   `target` are then undefined.
    func inflate(_ source: RawSpan, into target: inout MutableRawSpan) -> Bool {
        unsafe source.withUnsafeBytes { source in
            unsafe target.withUnsafeMutableBytes { target in
                var readByteCount = 0
                // As the last argument is nil, the content must have the length of the target.
                let result = unsafe libdeflate_zlib_decompress_ex(
                    decompressor, source.baseAddress, source.count, target.baseAddress,
                    target.count, &readByteCount, nil)
                return result == LIBDEFLATE_SUCCESS && readByteCount == source.count
            }
        }
    }
}
