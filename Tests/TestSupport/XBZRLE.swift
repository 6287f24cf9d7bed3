/// A simple encoder of XBZRLE runs that compares pages byte by byte.
package enum XBZRLE {
    /// Encodes the differences between two pages.
    ///
    /// - Parameters:
    ///   - page: The page to encode.
    ///   - base: The page that the decoder has, of the same length.
    /// - Returns: The runs, which are empty if the pages are equal.
    package static func encode(_ page: [UInt8], against base: [UInt8]) -> [UInt8] {
        var runs: [UInt8] = []
        var position = 0
        while position < page.count {
            var unchanged = 0
            while position + unchanged < page.count,
                page[position + unchanged] == base[position + unchanged]
            {
                unchanged += 1
            }
            if position + unchanged == page.count { break }
            position += unchanged
            var changed = 0
            while position + changed < page.count,
                page[position + changed] != base[position + changed]
            {
                changed += 1
            }
            runs += length(unchanged) + length(changed) + page[position..<position + changed]
            position += changed
        }
        return runs
    }

    private static func length(_ value: Int) -> [UInt8] {
        value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7f | 0x80), UInt8(value >> 7)]
    }
}
