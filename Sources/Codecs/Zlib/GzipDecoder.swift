import CZlib
package import SnapSystem

/// A decoder of gzip files (RFC 1952) that uses zlib.
@safe
package final class GzipDecoder: FileDecoder {
    // zlib's state contains a pointer to the stream, so the stream must not move. It is on the
    // heap, owned from `init` to `deinit`.
    private let stream: UnsafeMutablePointer<z_stream>
    /// Whether the last member has ended, after which another one may follow.
    package private(set) var isComplete = false

    /// zlib's `windowBits` for the largest window, plus its number for gzip (zlib.h, inflateInit2).
    private static let windowBits: Int32 = 15 + 16

    /// Creates a decoder.
    ///
    /// - Throws: `.internalFailure` if the library cannot be set up.
    package init() throws(SnapError) {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let result = unsafe inflateInit2_(
            stream, Self.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else {
            unsafe stream.deallocate()
            throw SnapError(.internalFailure, "zlib's inflateInit2 returned \(result)")
        }
        unsafe self.stream = stream
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Decodes the next bytes of the file, as `FileDecoder` describes.
    ///
    /// - Parameters:
    ///   - source: The next bytes of the file.
    ///   - target: Receives decoded bytes.
    /// - Returns: The numbers of bytes, and whether the file is damaged.
    package func decode(
        _ source: RawSpan, into target: inout MutableRawSpan
    ) -> DecodingProgress {
        if isComplete {
            unsafe inflateReset(stream)
            isComplete = false
        }
        return unsafe source.withUnsafeBytes { source in
            unsafe target.withUnsafeMutableBytes { target in
                // zlib only reads from next_in, although the pointer's type is mutable.
                unsafe stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
                unsafe stream.pointee.avail_in = UInt32(source.count)
                unsafe stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(
                    to: UInt8.self)
                unsafe stream.pointee.avail_out = UInt32(target.count)
                let result = unsafe inflate(stream, Z_NO_FLUSH)
                isComplete = result == Z_STREAM_END
                // Z_BUF_ERROR only says that nothing could be done.
                return unsafe DecodingProgress(
                    consumedByteCount: source.count - Int(stream.pointee.avail_in),
                    writtenByteCount: target.count - Int(stream.pointee.avail_out),
                    isDamaged: ![Z_OK, Z_STREAM_END, Z_BUF_ERROR].contains(result))
            }
        }
    }
}
