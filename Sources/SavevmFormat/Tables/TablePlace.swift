import GuestMemory

/// A table in its place; of a block without tables, its one page.
package struct TablePlace: Hashable, Sendable {
    /// Where it is stored.
    package let location: Location
    /// Its level.
    package let level: Int
    /// Which of the tables of that level.
    package let index: Int
    /// Pages of the RAM block.
    package let pageCount: Int

    /// The guest pages under it.
    package var pages: Range<Int> { shape.pages(level: level, index: index) }

    /// The shape of the block's page table.
    package var shape: PageTableShape { PageTableShape(pageCount: pageCount) }

    /// What it holds, wherever it is.
    package var subtree: StoredSubtree {
        StoredSubtree(location: location, level: level, pageCount: pages.count)
    }

    /// The place of one of its entries.
    ///
    /// - Parameters:
    ///   - location: What the entry holds.
    ///   - entry: Which of the 512.
    package func child(_ location: Location, entry: Int) -> TablePlace {
        TablePlace(
            location: location, level: level - 1, index: index * Unit.pageCount + entry,
            pageCount: pageCount)
    }
}
