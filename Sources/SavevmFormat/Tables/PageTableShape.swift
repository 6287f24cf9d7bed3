import GuestMemory
package import SnapSystem
package import SystemPackage

/// The shape of a RAM block's page table: a radix tree of tables of 512 locations.
///
/// Level 1 tables stand over guest pages, level n+1 over level n. The depth follows from the
/// block's length and is never read from a file: the smallest d with 512^d ≥ pages. At depth 0
/// the root is the one guest page itself.
package struct PageTableShape: Sendable {
    /// Pages of the RAM block.
    package let pageCount: Int
    /// Levels of tables.
    package let depth: Int

    /// Bits of a page number that one level resolves: 512 = 2^9.
    private static let levelBits = 9

    /// Derives the shape.
    ///
    /// - Parameter pageCount: Pages of the RAM block, at least 1.
    package init(pageCount: Int) {
        var depth = 0
        while (pageCount - 1) >> (Self.levelBits * depth) > 0 { depth += 1 }
        self.pageCount = pageCount
        self.depth = depth
    }

    /// How many pages there are at a level: guest pages at 0, tables above.
    ///
    /// - Parameter level: 0 to the depth.
    package func count(level: Int) -> Int {
        (pageCount - 1) >> (Self.levelBits * level) + 1
    }

    /// How many entries of a table lie inside the block; those past it are zero.
    ///
    /// - Parameters:
    ///   - level: The table's level, 1 to the depth.
    ///   - index: Which of the tables of that level.
    package func entryCount(level: Int, index: Int) -> Int {
        min(Unit.pageCount, count(level: level - 1) - index * Unit.pageCount)
    }

    /// How many units there are: tables of level 1, or the one page of a block without tables.
    package var unitCount: Int { count(level: min(1, depth)) }

    /// The highest level at which a whole subtree begins at a unit and ends in a range.
    ///
    /// - Parameters:
    ///   - unit: Where the subtree is to begin.
    ///   - end: The unit behind the range; more than `unit`.
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

    /// Which table of a level stands over a unit.
    func index(ofUnit unit: Int, level: Int) -> Int {
        unit >> (Self.levelBits * max(level - 1, 0))
    }

    /// The first unit under a table.
    func firstUnit(level: Int, index: Int) -> Int {
        index << (Self.levelBits * max(level - 1, 0))
    }

    /// The guest pages under a page of a level.
    ///
    /// - Parameters:
    ///   - level: 0 for the guest page itself, n for a table of level n.
    ///   - index: Which page of that level.
    package func pages(level: Int, index: Int) -> Range<Int> {
        let shift = Self.levelBits * level
        return index << shift..<min((index + 1) << shift, pageCount)
    }

    /// Encodes the entries of a table as a page.
    ///
    /// - Parameter entries: At most 512 locations; the rest of the page is zero.
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
    ///   - index: Which of the tables of that level.
    ///   - location: Where the page is stored: no entry may point to a higher number.
    ///   - path: The file it is stored in, for messages.
    /// - Returns: 512 locations.
    /// - Throws: `.damaged`.
    package func decode(
        _ page: [UInt8], level: Int, index: Int, at location: Location, path: FilePath
    ) throws(SnapError) -> [Location] {
        var reader = ByteReader(page, path: path, startOffset: 0)
        let entryCount = entryCount(level: level, index: index)
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
