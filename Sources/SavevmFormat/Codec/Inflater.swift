import CISAL

/// Inflates clusters in the zlib format, with ISA-L.
///
/// One state, made once and reset for each cluster (igzip_lib.h). A worker owns one.
@safe
package struct Inflater: ~Copyable {
    // 87 KB: on the heap, owned from `init` to `deinit`.
    private let state: UnsafeMutablePointer<inflate_state>

    /// Sets a decompressor up.
    package init() {
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: inflate_state())
        unsafe isal_inflate_init(state)
    }

    deinit { unsafe state.deallocate() }

    /// Inflates a whole zlib stream, whatever its bytes are.
    ///
    /// - Parameters:
    ///   - source: The stream, and nothing behind it.
    ///   - target: Where its content goes: exactly as long.
    /// - Returns: false if the stream is damaged or its content is of another length.
    package func inflate(_ source: RawSpan, into target: inout MutableRawSpan) -> Bool {
        unsafe source.withUnsafeBytes { source in
            unsafe target.withUnsafeMutableBytes { target in
                unsafe isal_inflate_reset(state)
                unsafe state.pointee.crc_flag = UInt32(ISAL_ZLIB)
                // The library reads from next_in only, in spite of its type.
                unsafe state.pointee.next_in = UnsafeMutablePointer(
                    mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
                unsafe state.pointee.avail_in = UInt32(source.count)
                unsafe state.pointee.next_out =
                    target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                unsafe state.pointee.avail_out = UInt32(target.count)
                let result = unsafe isal_inflate(state)
                // Whole bytes left in the bit buffer have been taken from behind the stream.
                return unsafe result == ISAL_DECOMP_OK
                    && state.pointee.block_state == ISAL_BLOCK_FINISH
                    && state.pointee.avail_in == 0 && state.pointee.read_in_length < 8
                    && state.pointee.avail_out == 0
            }
        }
    }
}
