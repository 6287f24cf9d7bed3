/// A plain encoder and decoder of XBZRLE runs, against which tests check those of snap.
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

    /// Applies runs to a page.
    ///
    /// - Parameters:
    ///   - runs: The runs to decode.
    ///   - base: The page that the runs change.
    /// - Returns: The changed page; nil if the runs break a rule of savevm(5).
    package static func decode(_ runs: [UInt8], onto base: [UInt8]) -> [UInt8]? {
        var page = base
        var rest = runs[...]
        var position = 0
        while !rest.isEmpty {
            let isFirst = rest.count == runs.count
            guard let unchanged = takeLength(&rest), unchanged > 0 || isFirst,
                let changed = takeLength(&rest), changed > 0, changed <= rest.count
            else { return nil }
            position += unchanged
            for byte in rest.prefix(changed) {
                guard position < page.count else { return nil }
                page[position] = byte
                position += 1
            }
            rest = rest.dropFirst(changed)
        }
        return page
    }

    private static func takeLength(_ rest: inout ArraySlice<UInt8>) -> Int? {
        guard let low = rest.popFirst() else { return nil }
        if low < 0x80 { return Int(low) }
        guard let high = rest.popFirst(), high < 0x80 else { return nil }
        return Int(low) - 0x80 + Int(high) * 128
    }
}
