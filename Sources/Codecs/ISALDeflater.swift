import CISAL
import SnapSystem

/// ISA-L's igzip at its levels 1 to 3: five times as fast as zlib at about its level 1.
///
/// One stream and one level buffer, made once and reset for each cluster (igzip_lib.h).
@safe
struct ISALDeflater: ~Copyable {
    // 82 KB and 283 KB and more: on the heap, owned from `init` to `deinit`.
    private let stream: UnsafeMutablePointer<isal_zstream>
    private let levelBuffer: UnsafeMutablePointer<UInt8>

    /// - Parameter level: 1 to 3.
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

    /// Compresses bytes into a target that is too small for them as they are.
    ///
    /// - Parameters:
    ///   - source: The bytes.
    ///   - target: Where the zlib stream goes.
    /// - Returns: The stream's length; nil if it does not fit.
    /// - Throws: `.internalFailure` if the library refuses its parameters.
    func deflate(
        _ source: RawSpan, into target: UnsafeMutableRawBufferPointer
    ) throws(SnapError) -> Int? {
        let result: Int32 = unsafe source.withUnsafeBytes { source in
            unsafe isal_deflate_reset(stream)
            unsafe stream.pointee.gzip_flag = UInt16(IGZIP_ZLIB)
            unsafe stream.pointee.end_of_stream = 1
            unsafe stream.pointee.flush = UInt16(NO_FLUSH)
            // The library reads from next_in only, in spite of its type.
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
