import GuestMemory
package import SnapSystem
import SystemPackage

/// A walker of a stored RAM block's page table, top down and one table at a time.
///
/// It keeps the tables on the path to the last page, so that a walk in order reads each table only
/// once.
package struct PageTableWalker: ~Copyable {
    /// The table's shape.
    package let shape: PageTableShape
    private let root: Location
    private let files: SavevmFiles
    private var reader: TableReader
    /// The last used table of each level from 1: its index and its entries.
    private var path: [(index: Int, entries: [Location])]

    /// Creates a walker.
    ///
    /// - Parameters:
    ///   - block: The RAM block with the root of its page table.
    ///   - files: The files that the block's tables may be in.
    package init(_ block: StoredBlock, _ files: SavevmFiles) {
        shape = PageTableShape(pageCount: block.ram.pageCount)
        root = block.root
        self.files = files
        reader = TableReader(files)
        path = Array(repeating: (-1, []), count: shape.depth)
    }

    /// Finds the location of a page.
    ///
    /// - Parameters:
    ///   - level: 0 for a guest page, n for a table of level n.
    ///   - index: The page's index in that level.
    /// - Returns: The location.
    /// - Throws: The errors of reading a page.
    package mutating func location(level: Int, index: Int) throws(SnapError) -> Location {
        if level == shape.depth { return root }
        return try entries(level: level + 1, index: index / Unit.pageCount)[
            index % Unit.pageCount]
    }

    /// Reads the entries of a table.
    ///
    /// - Parameters:
    ///   - level: The table's level, at least 1.
    ///   - index: The table's index in that level.
    /// - Returns: The 512 entries.
    /// - Throws: The errors of reading a page.
    package mutating func entries(level: Int, index: Int) throws(SnapError) -> [Location] {
        if path[level - 1].index == index { return path[level - 1].entries }
        let location = try location(level: level, index: index)
        let entries =
            location == .zero
            ? [Location](repeating: .zero, count: Unit.pageCount)
            : try reader.entries(
                TablePlace(
                    location: location, level: level, index: index, pageCount: shape.pageCount))
        path[level - 1] = (index, entries)
        return entries
    }

    /// Reads the locations of the pages directly under one table.
    ///
    /// - Parameters:
    ///   - level: The pages' level: 0 for a unit's guest pages.
    ///   - index: The index of the table, in the level above.
    /// - Returns: The 512 locations. At the top level, which has no table above, only the root.
    /// - Throws: The errors of reading a page.
    package mutating func locations(
        level: Int, inTable index: Int
    ) throws(SnapError) -> [Location] {
        level == shape.depth ? [root] : try entries(level: level + 1, index: index)
    }

    /// Finds the next unit that has stored pages.
    ///
    /// Subtrees of zero pages are skipped in one step.
    ///
    /// - Parameter first: The unit to start with.
    /// - Returns: The unit; nil if no unit from `first` on has stored pages.
    /// - Throws: `.interrupted`; the errors of reading a page.
    package mutating func storedUnit(from first: Int) throws(SnapError) -> Int? {
        var unit = first
        while unit < shape.unitCount {
            try Interruption.check()
            guard let end = try endOfZeros(at: unit) else { return unit }
            unit = end
        }
        return nil
    }

    /// Finds the first unit of a range whose table cannot be found, because one above is damaged.
    ///
    /// Looks only at the tables above the largest subtrees that the range consists of.
    ///
    /// - Parameters:
    ///   - first: The first unit of the range.
    ///   - end: The unit after the range.
    /// - Returns: The unit; nil if all subtrees can be found.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`.
    package mutating func unreadableUnit(
        from first: Int, upTo end: Int
    ) throws(SnapError) -> Int? {
        var unit = first
        while unit < end {
            try Interruption.check()
            let level = shape.subtreeLevel(atUnit: unit, upTo: end)
            let index = shape.index(ofUnit: unit, level: level)
            do throws(SnapError) { _ = try location(level: level, index: index) } catch {
                guard error.isDamage else { throw error }
                return unit
            }
            unit = min(end, shape.firstUnit(level: level, index: index + 1))
        }
        return nil
    }

    /// Finds the end of the largest subtree of zero pages that covers a unit.
    ///
    /// Returns the unit after the subtree, or nil if the unit's own table is stored.
    private mutating func endOfZeros(at unit: Int) throws(SnapError) -> Int? {
        for level in (min(1, shape.depth)...shape.depth).reversed() {
            let index = shape.index(ofUnit: unit, level: level)
            if try location(level: level, index: index) == .zero {
                return shape.firstUnit(level: level, index: index + 1)
            }
        }
        return nil
    }

    /// Adds up the lengths of all files that the tables may be in, in bytes.
    ///
    /// - Throws: `.permission` or `.inputOutput`.
    func filesByteCount() throws(SnapError) -> Int { try files.byteCount() }

    /// The path of the directory of these files, for messages.
    var directory: FilePath { files.directory }

    /// Checks whether reading a table, or the only page of a block without tables, needs one of
    /// some parts.
    ///
    /// - Parameters:
    ///   - parts: The parts.
    ///   - location: The table's location.
    ///   - level: The table's level.
    /// - Returns: Whether the table or its base is in one of the parts, or cannot be read.
    /// - Throws: `.permission` or `.inputOutput`.
    package mutating func needs(
        _ parts: StoredParts, at location: Location, level: Int
    ) throws(SnapError) -> Bool {
        try reader.needs(parts, at: location, level: level)
    }

    /// Finds the literal table for a table: its base if it is a delta, else the table itself.
    ///
    /// - Parameters:
    ///   - level: The table's level.
    ///   - index: The table's index in that level.
    /// - Returns: The location of the literal table.
    /// - Throws: The errors of reading a page.
    mutating func base(level: Int, index: Int) throws(SnapError) -> Location {
        try reader.base(of: try location(level: level, index: index), level: level)
    }

    /// Reads the bytes of a literal table.
    ///
    /// - Parameters:
    ///   - base: The table's location.
    ///   - level: The table's level.
    ///   - target: Receives the 4096 bytes, at its start.
    /// - Throws: The errors of reading a page.
    mutating func readBase(
        _ base: Location, level: Int, into target: inout MemoryBuffer
    ) throws(SnapError) {
        try reader.readBase(base, level: level, into: &target)
    }
}
