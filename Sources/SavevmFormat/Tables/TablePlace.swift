import GuestMemory

/// A table and its place in a page table; for a block without tables, the block's only page.
package struct TablePlace: Hashable, Sendable {
    /// The location of the table.
    package let location: Location
    /// The table's level.
    package let level: Int
    /// The table's index in its level.
    package let index: Int
    /// The number of pages in the RAM block.
    package let pageCount: Int

    /// The guest pages that the table covers, by their index in the RAM block.
    package var pages: Range<Int> { shape.pages(level: level, index: index) }

    /// The shape of the block's page table.
    package var shape: PageTableShape { PageTableShape(pageCount: pageCount) }

    /// The table with everything under it, without its place.
    package var subtree: StoredSubtree {
        StoredSubtree(location: location, level: level, pageCount: pages.count)
    }

    /// Computes the place of the page that one of the table's entries refers to.
    ///
    /// - Parameters:
    ///   - location: The location that the entry contains.
    ///   - entry: The index of the entry, 0 to 511.
    /// - Returns: The place, one level below this one.
    package func child(_ location: Location, entry: Int) -> TablePlace {
        TablePlace(
            location: location, level: level - 1, index: index * Unit.pageCount + entry,
            pageCount: pageCount)
    }
}
