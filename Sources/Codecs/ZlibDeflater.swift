import CZlib
import SnapSystem

/// zlib: levels 4 to 9.
///
/// One stream, set up once and reset for each cluster: setting one up each time makes the
/// allocator the bottleneck (zlib.h, deflateReset).
@safe
struct ZlibDeflater: ~Copyable {
    // zlib keeps a pointer from its state back to the stream, so the stream must not move: it is
    // on the heap, owned from `init` to `deinit`.
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameter level: 4 to 9.
    /// - Throws: `.internalFailure` if the library cannot be set up.
    init(level: Int) throws(SnapError) {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let result = unsafe deflateInit_(
            stream, Int32(level), ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else {
            unsafe stream.deallocate()
            throw SnapError(.internalFailure, "deflateInit of zlib returned \(result)")
        }
        unsafe self.stream = stream
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Compresses bytes into a target that is too small for them as they are.
    ///
    /// - Parameters:
    ///   - source: The bytes.
    ///   - target: Where the zlib stream goes.
    /// - Returns: The stream's length; nil if it does not fit.
    /// - Throws: `.internalFailure`: every other error of zlib is one of the save.
    func deflate(
        _ source: RawSpan, into target: UnsafeMutableRawBufferPointer
    ) throws(SnapError) -> Int? {
        let result: Int32 = unsafe source.withUnsafeBytes { source in
            let reset = unsafe deflateReset(stream)
            guard reset == Z_OK else { return reset }
            // zlib reads from next_in only, in spite of its type.
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
        default: throw SnapError(.internalFailure, "deflate of zlib returned \(result)")
        }
    }
}
