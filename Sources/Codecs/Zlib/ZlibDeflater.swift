import CZlib
import SnapSystem

/// A compressor that uses zlib at levels 4 to 9.
///
/// It creates one stream and resets it for each cluster. A new stream for each cluster would make
/// the allocator the bottleneck (zlib.h, deflateReset).
@safe
struct ZlibDeflater: ~Copyable {
    // zlib's state contains a pointer to the stream, so the stream must not move. It is on the
    // heap, owned from `init` to `deinit`.
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameter level: zlib's level, 4 to 9.
    /// - Throws: `.internalFailure` if the library cannot be set up.
    init(level: Int) throws(SnapError) {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let result = unsafe deflateInit_(
            stream, Int32(level), ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else {
            unsafe stream.deallocate()
            throw SnapError(.internalFailure, "zlib's deflateInit returned \(result)")
        }
        unsafe self.stream = stream
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Compresses bytes into a zlib stream if it fits the target.
    ///
    /// - Parameters:
    ///   - source: The bytes to compress.
    ///   - target: Receives the stream. It is shorter than `source`.
    /// - Returns: The stream's length in bytes; nil if the stream does not fit.
    /// - Throws: `.internalFailure` for any other failure of zlib.
    func deflate(
        _ source: RawSpan, into target: UnsafeMutableRawBufferPointer
    ) throws(SnapError) -> Int? {
        let result: Int32 = unsafe source.withUnsafeBytes { source in
            let reset = unsafe deflateReset(stream)
            guard reset == Z_OK else { return reset }
            // zlib only reads from next_in, although the pointer's type is mutable.
            unsafe stream.pointee.next_in = UnsafeMutablePointer(
                mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
            unsafe stream.pointee.avail_in = UInt32(source.count)
            unsafe stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
            unsafe stream.pointee.avail_out = UInt32(target.count)
            return unsafe CZlib.deflate(stream, Z_FINISH)
        }
        switch result {
        case Z_STREAM_END: return Int(unsafe stream.pointee.total_out)
        case Z_OK, Z_BUF_ERROR: return nil
        default: throw SnapError(.internalFailure, "zlib's deflate returned \(result)")
        }
    }
}
