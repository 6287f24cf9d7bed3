import CISAL
import SnapSystem

/// A decompressor of zlib streams that uses ISA-L's igzip.
///
/// It is as fast as libdeflate, and can stop after the bytes that are needed, which halves the time
/// to read one page of a cluster.
@safe
struct ISALInflater: ~Copyable {
    // The state takes 85 KB, so it is on the heap, owned from `init` to `deinit`.
    private let state: UnsafeMutablePointer<inflate_state>

    init() {
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: inflate_state())
        unsafe isal_inflate_init(state)
    }

    deinit { unsafe state.deallocate() }

    /// Inflates a zlib stream, which need not be valid, as far as its content is needed.
    ///
    /// - Parameters:
    ///   - source: The stream, without bytes after its end.
    ///   - needed: The number of bytes to inflate.
    ///   - target: Receives them. Its length must be that of all of the content.
    /// - Returns: false if the stream is damaged as far as it was read, ends before the needed
    ///   bytes, or does not end with the content.
    func inflate(_ source: RawSpan, needed: Int, into target: inout MutableRawSpan) -> Bool {
        let isComplete = needed == target.byteCount
        return unsafe source.withUnsafeBytes { source in
            // The library does not check the window size in the header (RFC 1950, 2.2).
            guard let first = unsafe source.first, first >> 4 <= 7 else { return false }
            return unsafe target.withUnsafeMutableBytes { target in
                unsafe isal_inflate_reset(state)
                unsafe state.pointee.crc_flag = UInt32(ISAL_ZLIB)
                // The library only reads from next_in, although the pointer's type is mutable.
                unsafe state.pointee.next_in = UnsafeMutablePointer(
                    mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
                unsafe state.pointee.avail_in = UInt32(source.count)
                unsafe state.pointee.next_out =
                    target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                unsafe state.pointee.avail_out = UInt32(needed)
                let result = unsafe isal_inflate_stateless(state)
                let left = unsafe state.pointee.avail_in
                guard unsafe Int(state.pointee.total_out) == needed else { return false }
                // More content than needed must follow, and nothing may follow all of it.
                return isComplete
                    ? result == ISAL_DECOMP_OK && left == 0 : result == ISAL_OUT_OVERFLOW
            }
        }
    }
}
