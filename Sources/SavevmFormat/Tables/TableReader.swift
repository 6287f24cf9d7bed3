package import SnapSystem

/// Reads the tables of page tables, each by its place.
///
/// A worker owns one: it keeps the clusters that it used last.
package struct TableReader: ~Copyable {
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
        return try place.shape.decode(
            page, level: place.level, index: place.index, at: place.location,
            path: try reader.path(of: place.location))
    }

    /// The files without which a table, or page, cannot be read.
    ///
    /// - Parameter place: Which; not zero.
    /// - Throws: `.damaged` and what else reading a page throws.
    package mutating func numbers(_ place: TablePlace) throws(SnapError) -> Set<Int> {
        [place.location.number, try base(of: place.location, level: place.level).number]
    }

    /// The literal table behind a place: the one that lies there, or its base if it is a delta.
    ///
    /// - Parameters:
    ///   - location: Where the table is stored; the zero page is its own base.
    ///   - level: The table's level.
    /// - Throws: `.damaged` and what else reading a page throws.
    mutating func base(of location: Location, level: Int) throws(SnapError) -> Location {
        try reader.metadata(at: [location], level: level, key: nil)[0].base ?? location
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
        try reader.readBase(base, level: level, as: 0, into: &target)
    }

    /// Whether a table, or the one page of a block without tables, would be lost with some of
    /// the files.
    ///
    /// - Parameters:
    ///   - numbers: The files.
    ///   - location: Where it is stored.
    ///   - level: Its level.
    /// - Throws: `.damaged` and what else reading a page throws.
    mutating func isStored(
        in numbers: Set<Int>, _ location: Location, level: Int
    ) throws(SnapError) -> Bool {
        try reader.isStored(in: numbers, location, level: level)
    }
}
