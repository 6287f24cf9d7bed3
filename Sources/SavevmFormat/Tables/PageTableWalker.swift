import GuestMemory
package import SnapSystem
import SystemPackage

/// Walks a stored RAM block's page table, top down, one table at a time.
///
/// It keeps the tables on the path it went last, so that walking the tables in order reads each
/// of them once.
package struct PageTableWalker: ~Copyable {
    /// The table's shape.
    package let shape: PageTableShape
    private let root: Location
    private let files: SavevmFiles
    private var reader: TableReader
    /// For each level from 1 the table last used: its index and its entries.
    private var path: [(index: Int, entries: [Location])]

    /// Prepares to walk.
    ///
    /// - Parameters:
    ///   - block: The block and its root.
    ///   - files: The files that its tables may lie in.
    package init(_ block: StoredBlock, _ files: SavevmFiles) {
        shape = PageTableShape(pageCount: block.ram.pageCount)
        root = block.root
        self.files = files
        reader = TableReader(files)
        path = Array(repeating: (-1, []), count: shape.depth)
    }

    /// Where a page is stored.
    ///
    /// - Parameters:
    ///   - level: 0 for a guest page, n for a table of level n.
    ///   - index: Which page of that level.
    /// - Throws: `.damaged` and what else reading a page throws.
    package mutating func location(level: Int, index: Int) throws(SnapError) -> Location {
        if level == shape.depth { return root }
        return try entries(level: level + 1, index: index / Unit.pageCount)[
            index % Unit.pageCount]
    }

    /// The 512 entries of a table.
    ///
    /// - Parameters:
    ///   - level: The table's level, at least 1.
    ///   - index: Which table of that level.
    /// - Throws: `.damaged` and what else reading a page throws.
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

    /// The locations of the pages under one table; the root alone at the top level.
    ///
    /// - Parameters:
    ///   - level: The pages' level: 0 for a unit's guest pages.
    ///   - index: Which table of the level above.
    /// - Throws: `.damaged` and what else reading a page throws.
    package mutating func locations(
        level: Int, inTable index: Int
    ) throws(SnapError) -> [Location] {
        level == shape.depth ? [root] : try entries(level: level + 1, index: index)
    }

    /// The first unit, from one on, of which anything is stored; nil if there is none.
    ///
    /// Whole subtrees of zero pages are skipped at once.
    ///
    /// - Parameter first: Where to begin.
    /// - Throws: `.damaged` and what else reading a page throws.
    package mutating func storedUnit(from first: Int) throws(SnapError) -> Int? {
        var unit = first
        while unit < shape.unitCount {
            try Interruption.check()
            guard let end = try endOfZeros(at: unit) else { return unit }
            unit = end
        }
        return nil
    }

    /// The unit behind the largest subtree of zero pages over a unit; nil if even its own table is
    /// stored.
    private mutating func endOfZeros(at unit: Int) throws(SnapError) -> Int? {
        for level in (min(1, shape.depth)...shape.depth).reversed() {
            let index = shape.index(ofUnit: unit, level: level)
            if try location(level: level, index: index) == .zero {
                return shape.firstUnit(level: level, index: index + 1)
            }
        }
        return nil
    }

    /// The length of all files that its tables may lie in, in bytes.
    ///
    /// - Throws: `.permission` or `.inputOutput`.
    func filesByteCount() throws(SnapError) -> Int { try files.byteCount() }

    /// The directory of these files, for messages.
    var directory: FilePath { files.directory }

    /// Whether a table, or the one page of a block without tables, would be lost with some of
    /// the files.
    ///
    /// - Parameters:
    ///   - numbers: The files.
    ///   - location: Where it is stored.
    ///   - level: Its level.
    /// - Throws: `.damaged` and what else reading a page throws.
    package mutating func isStored(
        in numbers: Set<Int>, _ location: Location, level: Int
    ) throws(SnapError) -> Bool {
        try reader.isStored(in: numbers, location, level: level)
    }

    /// The literal table behind a place: the one that lies there, or its base if it is a delta.
    ///
    /// - Parameters:
    ///   - level: The table's level.
    ///   - index: Which table of that level.
    /// - Throws: `.damaged` and what else reading a page throws.
    mutating func base(level: Int, index: Int) throws(SnapError) -> Location {
        try reader.base(of: try location(level: level, index: index), level: level)
    }

    /// Reads a literal table as the page it is.
    ///
    /// - Parameters:
    ///   - base: Where it is stored.
    ///   - level: Its level.
    ///   - target: Where its bytes go, at the front.
    /// - Throws: `.damaged` and what else reading a page throws.
    mutating func readBase(
        _ base: Location, level: Int, into target: inout MemoryBuffer
    ) throws(SnapError) {
        try reader.readBase(base, level: level, into: &target)
    }
}
