import GuestMemory
import SnapSystem

/// The encoding of a page as its difference from a base: the runs of QEMU's XBZRLE.
///
/// A run is an unchanged length, a changed length and the changed bytes. A length is a ULEB128 of
/// one or two bytes. Only the first unchanged length may be 0; a changed length never is. The bytes
/// after the last run are unchanged. Pieces of device sections are encoded in the same way; they
/// can be longer than 16 KiB, and then a length can have three bytes. Layout: savevm(5), "Deltas";
/// QEMU's docs/devel/migration, "xbzrle".
package enum Delta {
    /// The length of the longest delta that is worth storing, in bytes: less than half a page.
    package static let byteCountMax = Page.byteCount / 2 - 1

    /// The length from which on a content can have lengths of three bytes in its runs.
    private static let longContentByteCount = 1 << 14

    /// Applies a delta to its base.
    ///
    /// - Parameters:
    ///   - runs: The runs of the delta, which need not be valid.
    ///   - page: The bytes of the base, a page or a piece of a device section; the function turns
    ///     them into the bytes of the page or piece.
    /// - Returns: false if the runs are invalid; the bytes of `page` are then undefined.
    package static func apply(_ runs: RawSpan, to page: inout MutableRawSpan) -> Bool {
        unsafe runs.withUnsafeBytes { runs in
            unsafe page.withUnsafeMutableBytes { page in
                let lengthByteCountMax = page.count < longContentByteCount ? 2 : 3
                var read = 0
                var written = 0
                while read < runs.count {
                    let isFirst = read == 0
                    guard
                        let unchanged = unsafe length(
                            runs, &read, byteCountMax: lengthByteCountMax),
                        isFirst || unchanged > 0,
                        let changed = unsafe length(runs, &read, byteCountMax: lengthByteCountMax),
                        changed > 0
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

    /// Encodes a page, or a piece of a device section, as a delta against a base.
    ///
    /// - Parameters:
    ///   - page: The bytes of the page or piece.
    ///   - base: The base's bytes, as many as those of the page or piece.
    ///   - byteCountMax: The most bytes that the runs may take.
    ///   - runs: The array to append the runs to: at least one run, even if the pages are equal.
    /// - Returns: false if the runs would take more bytes; nothing is then appended.
    package static func encode(
        _ page: RawSpan, against base: RawSpan,
        byteCountMax: Int = Delta.byteCountMax, appendingTo runs: inout [UInt8]
    ) -> Bool {
        precondition(page.byteCount == base.byteCount)
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
        var rest = length
        while rest >= 0x80 {
            runs.append(UInt8(rest & 0x7f | 0x80))
            rest >>= 7
        }
        runs.append(UInt8(rest))
    }

    private static func length(
        _ runs: UnsafeRawBufferPointer, _ read: inout Int, byteCountMax: Int
    ) -> Int? {
        var length = 0
        for index in 0..<byteCountMax {
            guard read < runs.count else { return nil }
            let byte = unsafe Int(runs[read])
            read += 1
            length |= (byte & 0x7f) << (7 * index)
            if byte < 0x80 { return length }
        }
        return nil
    }
}
