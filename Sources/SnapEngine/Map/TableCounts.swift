import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem

/// The counts of pages by state under each table.
///
/// A table that stands in several places is counted once.
struct TableCounts: ~Copyable {
    private var reader: TableReader
    /// The number of pages per step, the resolution at which a unit is counted.
    private let stepPageCount: Int
    /// The counts of each step of a unit, by unit; zero pages are not counted.
    private var units: [StoredSubtree: [PageStateCounts]] = [:]
    private var tables: [StoredSubtree: PageStateCounts] = [:]

    /// Creates counts without any unit.
    ///
    /// - Parameters:
    ///   - files: The files that the tables can lie in.
    ///   - stepPageCount: The number of pages per step of a unit, a power of two.
    init(_ files: SavevmFiles, stepPageCount: Int) {
        reader = TableReader(files)
        self.stepPageCount = stepPageCount
    }

    /// Adds a unit.
    ///
    /// - Parameters:
    ///   - states: The state of each page of the unit.
    ///   - unit: The unit's table.
    mutating func add(_ states: [PageState], of unit: StoredSubtree) {
        let count = (states.count - 1) / stepPageCount + 1
        var counts = [PageStateCounts](repeating: PageStateCounts(), count: count)
        for (page, state) in states.enumerated() where state != .zero {
            counts[page / stepPageCount][state] += 1
        }
        units[unit] = counts
    }

    /// Adds the stored pages under a table to the cells of a block.
    ///
    /// - Parameters:
    ///   - place: The place of the block's root, or of a table under it.
    ///   - block: The block, whose cells must not be smaller than a step.
    /// - Throws: `.damaged` if a table is damaged; `.unsupported`, `.permission`, `.inputOutput` or
    ///   `.interrupted`.
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
