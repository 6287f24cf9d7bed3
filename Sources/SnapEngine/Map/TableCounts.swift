import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem

/// What became of the pages under each table, counted once for a table, however many places it
/// stands in.
struct TableCounts: ~Copyable {
    private var reader: TableReader
    /// How many pages a count of a unit stands for.
    private let stepPageCount: Int
    /// Of each unit, the counts of its steps; zero pages are not counted.
    private var units: [StoredSubtree: [PageStateCounts]] = [:]
    private var tables: [StoredSubtree: PageStateCounts] = [:]

    /// Begins with no unit.
    ///
    /// - Parameters:
    ///   - files: The files that tables may lie in.
    ///   - stepPageCount: How many pages a count of a unit stands for, a power of two.
    init(_ files: SavevmFiles, stepPageCount: Int) {
        reader = TableReader(files)
        self.stepPageCount = stepPageCount
    }

    /// Takes what became of the pages of a unit.
    ///
    /// - Parameters:
    ///   - states: What became of each page.
    ///   - unit: The unit's table.
    mutating func add(_ states: [PageState], of unit: StoredSubtree) {
        let count = (states.count - 1) / stepPageCount + 1
        var counts = [PageStateCounts](repeating: PageStateCounts(), count: count)
        for (page, state) in states.enumerated() where state != .zero {
            counts[page / stepPageCount][state] += 1
        }
        units[unit] = counts
    }

    /// Counts all pages of a block into its cells.
    ///
    /// - Parameters:
    ///   - place: Where the block's root is, or a table under it.
    ///   - block: The block, whose cells are no smaller than a step.
    /// - Throws: `.damaged` and what else reading tables throws.
    mutating func count(
        _ place: TablePlace, into block: inout MemoryMap.Block
    ) throws(SnapError) {
        try Interruption.check()
        if place.location == .zero { return }
        let pages = place.pages
        if pages.lowerBound / block.pagesPerCell == (pages.upperBound - 1) / block.pagesPerCell {
            block.add(try total(place), at: pages.lowerBound)
        } else if place.level <= 1 {
            for (step, counts) in (units[place.subtree] ?? []).enumerated() {
                block.add(counts, at: pages.lowerBound + step * stepPageCount)
            }
        } else {
            for (entry, location) in try reader.entries(place).enumerated() {
                try count(place.child(location, entry: entry), into: &block)
            }
        }
    }

    private mutating func total(_ place: TablePlace) throws(SnapError) -> PageStateCounts {
        if place.location == .zero { return PageStateCounts() }
        let table = place.subtree
        if let known = tables[table] { return known }
        try Interruption.check()
        var total = PageStateCounts()
        if place.level <= 1 {
            for counts in units[table] ?? [] { total.add(counts) }
        } else {
            for (entry, location) in try reader.entries(place).enumerated() {
                total.add(try self.total(place.child(location, entry: entry)))
            }
        }
        tables[table] = total
        return total
    }
}
