import GuestMemory
package import SnapSystem
package import SystemPackage

/// The shape of a RAM block's page table: a radix tree of tables of 512 locations.
///
/// Tables of level 1 contain the locations of guest pages; tables of level n+1, those of tables of
/// level n. The depth is the smallest d with 512^d ≥ pages. It follows from the block's length and
/// is never read from a file. At depth 0, the root is the location of the only guest page.
package struct PageTableShape: Sendable {
    /// The number of pages in the RAM block.
    package let pageCount: Int
    /// The number of levels of tables.
    package let depth: Int

    /// The number of bits of a page number that each level resolves: 512 = 2^9.
    private static let levelBits = 9

    /// Creates the shape for a RAM block.
    ///
    /// - Parameter pageCount: The number of pages in the RAM block, at least 1.
    package init(pageCount: Int) {
        var depth = 0
        while (pageCount - 1) >> (Self.levelBits * depth) > 0 { depth += 1 }
        self.pageCount = pageCount
        self.depth = depth
    }

    /// Computes the number of pages at a level.
    ///
    /// - Parameter level: The level, 0 to the depth.
    /// - Returns: The number of guest pages for level 0, of tables for higher levels.
    package func count(level: Int) -> Int {
        (pageCount - 1) >> (Self.levelBits * level) + 1
    }

    /// Computes how many entries of a table are inside the block.
    ///
    /// - Parameters:
    ///   - level: The table's level, 1 to the depth.
    ///   - index: The table's index in its level.
    /// - Returns: The number of entries, 1 to 512. The entries after them are zero.
    package func entryCount(level: Int, index: Int) -> Int {
        min(Unit.pageCount, count(level: level - 1) - index * Unit.pageCount)
    }

    /// The number of units: one for each table of level 1, or one for a block without tables.
    package var unitCount: Int { count(level: min(1, depth)) }

    /// Finds the highest level with a subtree that starts at a unit and fits into a range.
    ///
    /// - Parameters:
    ///   - unit: The unit at which the subtree and the range start.
    ///   - end: The unit after the range, greater than `unit`.
    /// - Returns: The level of the subtree's table.
    func subtreeLevel(atUnit unit: Int, upTo end: Int) -> Int {
        var level = min(1, depth)
        while level < depth {
            let index = index(ofUnit: unit, level: level + 1)
            guard firstUnit(level: level + 1, index: index) == unit,
                min(firstUnit(level: level + 1, index: index + 1), unitCount) <= end
            else { break }
            level += 1
        }
        return level
    }

    /// The index of the table of a level that covers a unit.
    func index(ofUnit unit: Int, level: Int) -> Int {
        unit >> (Self.levelBits * max(level - 1, 0))
    }

    /// The first unit that a table covers.
    func firstUnit(level: Int, index: Int) -> Int {
        index << (Self.levelBits * max(level - 1, 0))
    }

    /// Computes the guest pages that a page of a level covers.
    ///
    /// - Parameters:
    ///   - level: 0 for the guest page itself, n for a table of level n.
    ///   - index: The page's index in that level.
    /// - Returns: The indexes of the guest pages in the RAM block.
    package func pages(level: Int, index: Int) -> Range<Int> {
        let shift = Self.levelBits * level
        return index << shift..<min((index + 1) << shift, pageCount)
    }

    /// Encodes the entries of a table as a page.
    ///
    /// - Parameter entries: At most 512 locations; all further entries of the page are zero.
    /// - Returns: The page's 4096 bytes.
    package static func encode(_ entries: [Location]) -> [UInt8] {
        var writer = ByteWriter(capacity: Page.byteCount)
        for entry in entries { writer.append(entry.rawValue) }
        writer.pad(to: Page.byteCount)
        return writer.bytes
    }

    /// Decodes the page of a table and checks every entry.
    ///
    /// - Parameters:
    ///   - page: The table page's 4096 bytes.
    ///   - level: The table's level.
    ///   - index: The table's index in its level.
    ///   - location: The table's location. No entry may refer to a file with a higher number.
    ///   - path: The path of the file that contains the table, for messages.
    /// - Returns: The 512 entries of the table.
    /// - Throws: `.damaged` if an entry is invalid.
    package func decode(
        _ page: [UInt8], level: Int, index: Int, at location: Location, path: FilePath
    ) throws(SnapError) -> [Location] {
        try Self.decode(
            page, level: level, at: location, entryCount: entryCount(level: level, index: index),
            path: path)
    }

    /// Decodes the page of a table whose place is not known.
    ///
    /// - Parameters:
    ///   - page: The table page's 4096 bytes.
    ///   - level: The table's level.
    ///   - location: The table's location.
    ///   - entryCount: The number of entries; the entries after them must be zero.
    ///   - path: The path of the file that contains the table, for messages.
    /// - Returns: The 512 entries of the table.
    /// - Throws: `.damaged` if an entry is invalid.
    static func decode(
        _ page: [UInt8], level: Int, at location: Location, entryCount: Int = Unit.pageCount,
        path: FilePath
    ) throws(SnapError) -> [Location] {
        var reader = ByteReader(page, path: path, startOffset: 0)
        var entries: [Location] = []
        entries.reserveCapacity(Unit.pageCount)
        for entry in 0..<Unit.pageCount {
            let value = Location(rawValue: try reader.integer("table entry"))
            let isValid =
                value == .zero
                || entry < entryCount && value.number > 0 && value.number <= location.number
            guard isValid else {
                throw SnapError(
                    .damaged,
                    "table of level \(level) in group \(location.group), slot \(location.slot): "
                        + "entry \(entry) of \(entryCount) is "
                        + "\(value.number):\(value.group):\(value.slot)", path: path)
            }
            entries.append(value)
        }
        return entries
    }
}
