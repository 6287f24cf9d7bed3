import CISAL
import SnapSystem

/// A compressor that uses ISA-L's igzip at its levels 1 to 3.
///
/// It is five times as fast as zlib with similar compression, about that of zlib's level 1. It
/// creates one stream and one level buffer, and resets them for each cluster (igzip_lib.h).
@safe
struct ISALDeflater: ~Copyable {
    // They take 82 KB and at least 283 KB, so they are on the heap, owned from `init` to `deinit`.
    private let stream: UnsafeMutablePointer<isal_zstream>
    private let levelBuffer: UnsafeMutablePointer<UInt8>

    /// - Parameter level: ISA-L's level, 1 to 3.
    init(level: Int) {
        let byteCount =
            switch level {
            case 1: Int(snap_isal_level_1_byte_count)
            case 2: Int(snap_isal_level_2_byte_count)
            default: Int(snap_isal_level_3_byte_count)
            }
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: isal_zstream())
        unsafe levelBuffer = .allocate(capacity: byteCount)
        unsafe levelBuffer.initialize(repeating: 0, count: byteCount)
        unsafe isal_deflate_stateless_init(stream)
        unsafe stream.pointee.level = UInt32(level)
        unsafe stream.pointee.level_buf = levelBuffer
        unsafe stream.pointee.level_buf_size = UInt32(byteCount)
    }

    deinit {
        unsafe stream.deallocate()
        unsafe levelBuffer.deallocate()
    }

    /// Compresses bytes into a zlib stream if it fits the target.
    ///
    /// - Parameters:
    ///   - source: The bytes to compress.
    ///   - target: Receives the stream. It is shorter than `source`.
    /// - Returns: The stream's length in bytes; nil if the stream does not fit.
    /// - Throws: `.internalFailure` if the library refuses its parameters.
    func deflate(
        _ source: RawSpan, into target: UnsafeMutableRawBufferPointer
    ) throws(SnapError) -> Int? {
        let result: Int32 = unsafe source.withUnsafeBytes { source in
            unsafe isal_deflate_reset(stream)
            unsafe stream.pointee.gzip_flag = UInt16(IGZIP_ZLIB)
            unsafe stream.pointee.end_of_stream = 1
            unsafe stream.pointee.flush = UInt16(NO_FLUSH)
            // The library only reads from next_in, although the pointer's type is mutable.
            unsafe stream.pointee.next_in = UnsafeMutablePointer(
                mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
            unsafe stream.pointee.avail_in = UInt32(source.count)
            unsafe stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
            unsafe stream.pointee.avail_out = UInt32(target.count)
            return unsafe isal_deflate_stateless(stream)
        }
        switch result {
        case COMP_OK: return Int(unsafe stream.pointee.total_out)
        case STATELESS_OVERFLOW: return nil
        default:
            throw SnapError(.internalFailure, "isal_deflate_stateless returned \(result)")
        }
    }
}
