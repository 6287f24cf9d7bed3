/// A page as its difference from another: QEMU's XBZRLE runs.
///
/// Pairs of (unchanged length, changed length, changed bytes), lengths as ULEB128 of one or two
/// bytes. Only the first unchanged length may be 0, no changed length is; what follows the last
/// pair is unchanged. Layout: savevm(5), "Deltas"; QEMU's docs/devel/migration, "xbzrle".
package enum Delta {
    /// Turns the base's bytes into the page's.
    ///
    /// - Parameters:
    ///   - runs: The encoded difference.
    ///   - page: The base's bytes, and afterwards the page's.
    /// - Returns: false if the runs break a rule; the page's bytes then mean nothing.
    package static func apply(_ runs: RawSpan, to page: inout MutableRawSpan) -> Bool {
        unsafe runs.withUnsafeBytes { runs in
            unsafe page.withUnsafeMutableBytes { page in
                var read = 0
                var written = 0
                while read < runs.count {
                    let isFirst = read == 0
                    guard let unchanged = unsafe length(runs, &read), isFirst || unchanged > 0,
                        let changed = unsafe length(runs, &read), changed > 0
                    else { return false }
                    written += unchanged
                    guard changed <= runs.count - read, changed <= page.count - written else {
                        return false
                    }
                    let bytes = unsafe UnsafeRawBufferPointer(rebasing: runs[read..<read + changed])
                    unsafe UnsafeMutableRawBufferPointer(
                        rebasing: page[written..<written + changed]
                    ).copyMemory(from: bytes)
                    read += changed
                    written += changed
                }
                return true
            }
        }
    }

    private static func length(_ runs: UnsafeRawBufferPointer, _ read: inout Int) -> Int? {
        guard read < runs.count else { return nil }
        let low = unsafe Int(runs[read])
        read += 1
        if low < 0x80 { return low }
        guard read < runs.count, case let high = unsafe Int(runs[read]), high < 0x80 else {
            return nil
        }
        read += 1
        return low & 0x7f | high << 7
    }
}
