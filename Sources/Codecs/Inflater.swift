import CDeflate

/// Inflates zlib streams, with libdeflate: clusters, device sections, and pages of QEMU's streams.
///
/// One decompressor, made once and used for all of them (libdeflate.h). A worker owns one.
@safe
package struct Inflater: ~Copyable {
    // Owned from `init` to `deinit`.
    private let decompressor: OpaquePointer

    /// Sets a decompressor up.
    package init() {
        // Nothing but a lack of memory makes it fail, and that ends the process everywhere else.
        guard let decompressor = unsafe libdeflate_alloc_decompressor() else {
            preconditionFailure("no memory for a decompressor")
        }
        unsafe self.decompressor = decompressor
    }

    deinit { unsafe libdeflate_free_decompressor(decompressor) }

    /// Inflates a whole zlib stream, whatever its bytes are.
    ///
    /// - Parameters:
    ///   - source: The stream, and nothing behind it.
    ///   - target: Where its content goes: exactly as long.
    /// - Returns: false if the stream is damaged or its content is of another length.
    package func inflate(_ source: RawSpan, into target: inout MutableRawSpan) -> Bool {
        unsafe source.withUnsafeBytes { source in
            unsafe target.withUnsafeMutableBytes { target in
                var readByteCount = 0
                // Without a place for the content's length it must be the target's.
                let result = unsafe libdeflate_zlib_decompress_ex(
                    decompressor, source.baseAddress, source.count, target.baseAddress,
                    target.count, &readByteCount, nil)
                return result == LIBDEFLATE_SUCCESS && readByteCount == source.count
            }
        }
    }
}
