import GuestMemory
import SnapSystem

/// The encoding of a page as its difference from a base: the runs of QEMU's XBZRLE.
///
/// A run is an unchanged length, a changed length and the changed bytes. A length is a ULEB128 of
/// one or two bytes. Only the first unchanged length may be 0; a changed length never is. The bytes
/// after the last run are unchanged. Layout: savevm(5), "Deltas"; QEMU's docs/devel/migration,
/// "xbzrle".
package enum Delta {
    /// The length of the longest delta that is worth storing, in bytes: less than half a page.
    package static let byteCountMax = Page.byteCount / 2 - 1

    /// Applies a delta to its base.
    ///
    /// - Parameters:
    ///   - runs: The runs of the delta, which need not be valid.
    ///   - page: The base's bytes; the function turns them into the page's bytes.
    /// - Returns: false if the runs are invalid; the bytes of `page` are then undefined.
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

    /// The fewest unchanged bytes between two runs.
    ///
    /// A shorter gap is encoded as changed bytes, because the two lengths of another run would take
    /// more space than they save.
    private static let gapMin = 4

    /// Encodes a page as a delta against a base.
    ///
    /// - Parameters:
    ///   - page: The page's bytes.
    ///   - base: The base's bytes.
    ///   - byteCountMax: The most bytes that the runs may take: less than half a page.
    ///   - runs: The array to append the runs to: at least one run, even if the pages are equal.
    /// - Returns: false if the runs would take more bytes; nothing is then appended.
    package static func encode(
        _ page: RawSpan, against base: RawSpan,
        byteCountMax: Int = Delta.byteCountMax, appendingTo runs: inout [UInt8]
    ) -> Bool {
        precondition(page.byteCount == Page.byteCount && base.byteCount == Page.byteCount)
        let start = runs.count
        unsafe page.withUnsafeBytes { page in
            unsafe base.withUnsafeBytes { base in
                var encoded = 0
                while runs.count - start <= byteCountMax,
                    let first = unsafe firstDifference(page, base, from: encoded)
                {
                    let end = unsafe endOfRun(page, base, from: first)
                    append(length: first - encoded, to: &runs)
                    append(length: end - first, to: &runs)
                    unsafe runs.append(contentsOf: page[first..<end])
                    encoded = end
                }
            }
        }
        if runs.count - start > byteCountMax {
            runs.removeLast(runs.count - start)
            return false
        }
        // A form cannot express a delta of no bytes, so replace the first byte with itself.
        if runs.count == start { runs += [0, 1] + page.extracting(first: 1).bytes }
        return true
    }

    private static func firstDifference(
        _ page: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer, from start: Int
    ) -> Int? {
        var index = start
        while index + 8 <= page.count {
            let difference =
                unsafe page.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                ^ base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if difference != 0 {
                return index + UInt64(littleEndian: difference).trailingZeroBitCount / 8
            }
            index += 8
        }
        while index < page.count {
            if unsafe page[index] != base[index] { return index }
            index += 1
        }
        return nil
    }

    private static func endOfRun(
        _ page: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer, from first: Int
    ) -> Int {
        var end = first + 1
        var index = end
        while index < page.count, index - end < gapMin {
            if unsafe page[index] != base[index] { end = index + 1 }
            index += 1
        }
        return end
    }

    private static func append(length: Int, to runs: inout [UInt8]) {
        if length < 0x80 {
            runs.append(UInt8(length))
        } else {
            runs.append(UInt8(length & 0x7f | 0x80))
            runs.append(UInt8(length >> 7))
        }
    }

    private static func length(_ runs: UnsafeRawBufferPointer, _ read: inout Int) -> Int? {
        guard read < runs.count else { return nil }
        let low = unsafe Int(runs[read])
        read += 1
        if low < 0x80 { return low }
        guard read < runs.count else { return nil }
        let high = unsafe Int(runs[read])
        guard high < 0x80 else { return nil }
        read += 1
        return low & 0x7f | high << 7
    }
}
