import SnapSystem

/// A description and its range in a file.
///
///     00 end mark │ 06 │ length in 4 bytes │ JSON
struct PlacedDescription {
    let description: VMDescription
    /// The offset of the byte 06 in the file.
    let offset: Int
    /// The offset of the end of the text in the file.
    let end: Int

    /// The number of bytes before the text: the byte 06 and the length.
    static let headByteCount = 5
    /// The length of the longest description, including those bytes.
    static let byteCountMax = headByteCount + StreamLimits.descriptionByteCountMax

    private init?(_ text: [UInt8], at offset: Int) {
        guard let description = VMDescription(text) else { return nil }
        self.description = description
        self.offset = offset
        end = offset + Self.headByteCount + text.count
    }

    /// Finds the description at a file's end, after which only zeros may follow.
    ///
    /// The file does not state where the description starts. Its text contains no byte 0, but the
    /// length before it does. So the text starts with the first brace after the last byte 0, if the
    /// length matches.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - start: The offset in the file before which no description is expected.
    /// - Returns: The description; nil if the bytes do not end with one.
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

    /// Finds the description at a stream's end, after which only zeros may follow.
    ///
    /// - Parameters:
    ///   - tail: The stream's last bytes.
    ///   - first: The offset of the first of these bytes.
    /// - Returns: The description; nil if the bytes do not end with one.
    static func last(in tail: [UInt8], at first: Int) -> PlacedDescription? {
        var bytes = tail
        bytes.removeLast(bytes.reversed().prefix { $0 == 0 }.count)
        guard let zero = bytes.lastIndex(of: 0) else { return nil }
        // That 0 belongs to the length, which may also contain a byte that looks like a brace.
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

    /// Finds every description in a file, regardless of the bytes that follow it.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - start: The offset in the file at which the search starts.
    /// - Returns: The descriptions in file order; nil if there are more than
    ///   `StreamLimits.descriptionCountMax`, or if they overlap so much that their total length
    ///   exceeds the file's.
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
            // The extra bytes complete a description's head that starts at the window's end.
            let bytes = try file.read(byteCount: window + headByteCount + 2, at: place)
            for index in bytes.indices.prefix(window) where bytes[index] == 0 {
                guard let length = textByteCount(afterEndMarkAt: index, in: bytes),
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

    /// Returns the length of the text whose head follows an end mark; nil if there is no such head.
    private static func textByteCount(
        afterEndMarkAt index: Int, in bytes: [UInt8]
    ) -> Int? {
        let first = index + 1 + headByteCount
        guard first < bytes.count, bytes[index + 1] == ElementType.description.rawValue,
            bytes[first] == UInt8(ascii: "{")
        else { return nil }
        let length = Int(UInt32(bigEndianBytes: bytes[first - 4..<first]))
        return length <= StreamLimits.descriptionByteCountMax ? length : nil
    }
}
