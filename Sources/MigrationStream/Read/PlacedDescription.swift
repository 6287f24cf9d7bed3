import SnapSystem

/// A description and where it is.
///
///     00 end mark │ 06 │ length in 4 bytes │ JSON
struct PlacedDescription {
    let description: VMDescription
    /// Where the byte 06 is, in bytes from the file's start.
    let offset: Int
    /// Where the text ends.
    let end: Int

    /// What comes before the text.
    static let headByteCount = 5
    /// The longest there can be, in bytes.
    static let byteCountMax = headByteCount + StreamLimits.descriptionByteCountMax

    private init?(_ text: [UInt8], at offset: Int) {
        guard let description = VMDescription(text) else { return nil }
        self.description = description
        self.offset = offset
        end = offset + Self.headByteCount + text.count
    }

    /// Finds the description at a file's end, behind which only zeros may come.
    ///
    /// Nothing says where it begins. Its text has no byte 0, but its length has one: so the text
    /// begins with the first brace behind the last 0, if the length fits.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - start: Where to look from, in bytes from the file's start.
    /// - Returns: nil if no description is there.
    /// - Throws: `.inputOutput`.
    static func last(
        in file: borrowing File, from start: Int
    ) throws(SnapError) -> PlacedDescription? {
        let byteCount = try file.status().byteCount - start
        guard byteCount > 0 else { return nil }
        let tail = min(byteCount, byteCountMax)
        let first = start + byteCount - tail
        return last(in: try file.read(byteCount: tail, at: first), at: first)
    }

    /// Finds the description at a stream's end, behind which only zeros may come.
    ///
    /// - Parameters:
    ///   - tail: The stream's last bytes.
    ///   - first: Where they begin.
    static func last(in tail: [UInt8], at first: Int) -> PlacedDescription? {
        var bytes = tail
        bytes.removeLast(bytes.reversed().prefix { $0 == 0 }.count)
        guard let zero = bytes.lastIndex(of: 0) else { return nil }
        // The length, whose last zero that is, may have a byte that looks like a brace.
        for start in max(5, zero + 1)..<max(5, zero + 5) where start < bytes.count {
            let length = UInt32(bigEndianBytes: bytes[start - 4..<start])
            let mark = bytes[start - headByteCount]
            guard bytes[start] == UInt8(ascii: "{"), length == bytes.count - start,
                mark == ElementType.description.rawValue
            else { continue }
            return PlacedDescription(Array(bytes[start...]), at: first + start - headByteCount)
        }
        return nil
    }

    /// Finds every description in a file, whatever comes after it.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - start: Where to look from, in bytes from the file's start.
    /// - Returns: The descriptions in order; nil if there are more than a limit allows, or longer
    ///   ones together than the file is.
    /// - Throws: `.inputOutput` or `.interrupted`.
    static func all(
        in file: borrowing File, from start: Int
    ) throws(SnapError) -> [PlacedDescription]? {
        let end = try file.status().byteCount
        var found: [PlacedDescription] = []
        var budget = end + StreamLimits.descriptionByteCountMax
        let window = 1 << 16
        var place = start
        while place < end {
            try Interruption.check()
            // Heads that a window's end would cut are whole in the next.
            let bytes = try file.read(byteCount: window + headByteCount + 2, at: place)
            for index in bytes.indices.prefix(window) where bytes[index] == 0 {
                guard let length = textByteCount(behindEndMarkAt: index, in: bytes),
                    length <= end - place - index - 1 - headByteCount
                else { continue }
                budget -= length
                if budget < 0 { return nil }
                let offset = place + index + 1
                let text = try file.read(byteCount: length, at: offset + headByteCount)
                if let placed = PlacedDescription(text, at: offset) { found.append(placed) }
                if found.count > StreamLimits.descriptionCountMax { return nil }
            }
            place += window
        }
        return found
    }

    /// The length of a text whose head comes after an end mark; nil without such a head.
    private static func textByteCount(
        behindEndMarkAt index: Int, in bytes: [UInt8]
    ) -> Int? {
        let first = index + 1 + headByteCount
        guard first < bytes.count, bytes[index + 1] == ElementType.description.rawValue,
            bytes[first] == UInt8(ascii: "{")
        else { return nil }
        let length = Int(UInt32(bigEndianBytes: bytes[first - 4..<first]))
        return length <= StreamLimits.descriptionByteCountMax ? length : nil
    }
}
