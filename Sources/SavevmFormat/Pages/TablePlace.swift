import GuestMemory
package import SnapSystem

/// A table and all under it, which may be in several places: all that counts is how many pages
/// there are under it.
package struct StoredSubtree: Hashable, Sendable {
    /// Where the table is stored.
    package let location: Location
    /// Its level.
    package let level: Int
    /// How many guest pages are under it.
    package let pageCount: Int
}

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
    package var pages: Range<Int> {
        PageTable(pageCount: pageCount).pages(level: level, index: index)
    }

    /// What it holds, wherever it is.
    package var subtree: StoredSubtree {
        StoredSubtree(location: location, level: level, pageCount: pages.count)
    }

    /// The place of one of its entries.
    ///
    /// - Parameters:
    ///   - location: What the entry holds.
    ///   - entry: Which of the 512.
    package func child(_ location: Location, _ entry: Int) -> TablePlace {
        TablePlace(
            location: location, level: level - 1, index: index * Unit.pageCount + entry,
            pageCount: pageCount)
    }
}

extension StoredBlock {
    /// The place of the block's root.
    package var rootPlace: TablePlace {
        TablePlace(
            location: root, level: PageTable(pageCount: block.pageCount).depth, index: 0,
            pageCount: block.pageCount)
    }
}

/// Reads tables by their places.
package struct TableReading: ~Copyable {
    private var reader: PageReader

    /// Prepares to read.
    ///
    /// - Parameter files: The files that tables may lie in.
    package init(_ files: SavevmFiles) {
        reader = PageReader(files)
    }

    /// The 512 entries of a table.
    ///
    /// - Parameter place: Which table; level 1 or more, not zero.
    /// - Throws: `.damaged` and what else reading a page throws.
    package mutating func entries(_ place: TablePlace) throws(SnapError) -> [Location] {
        let page = try reader.page(at: place.location, level: place.level)
        return try PageTable(pageCount: place.pageCount).decode(
            page, level: place.level, index: place.index, at: place.location,
            path: try reader.path(of: place.location))
    }

    /// The files without which a table, or page, cannot be read.
    ///
    /// - Parameter place: Which; not zero.
    /// - Throws: `.damaged` and what else reading a page throws.
    package mutating func numbers(_ place: TablePlace) throws(SnapError) -> Set<Int> {
        let location = place.location
        let known = try reader.knownPages(at: [location], level: place.level, key: nil)
        return [location.number, known[0].base?.number ?? location.number]
    }
}
