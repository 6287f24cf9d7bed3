import GuestMemory
package import SnapSystem

/// A reader of single tables of page tables.
///
/// Each worker owns one, since it keeps the clusters that it used last.
package struct TableReader: ~Copyable {
    private var reader: PageReader

    /// Creates a reader.
    ///
    /// - Parameter files: The files that the tables may be in.
    package init(_ files: SavevmFiles) {
        reader = PageReader(files)
    }

    /// Reads the entries of a table.
    ///
    /// - Parameter place: The place of the table. Its level is at least 1, and its location is not
    ///   that of the zero page.
    /// - Returns: The 512 entries.
    /// - Throws: The errors of reading a page.
    package mutating func entries(_ place: TablePlace) throws(SnapError) -> [Location] {
        let page = try reader.page(at: place.location, level: place.level)
        return try place.shape.decode(
            page, level: place.level, index: place.index, at: place.location,
            path: try reader.path(of: place.location))
    }

    /// Reads the entries of several tables of one level, and each cluster only once.
    ///
    /// The tables' places in a page table are not known, so entries after the end of a RAM block
    /// are not refused.
    ///
    /// - Parameters:
    ///   - tables: The locations of the tables, at most 512; not that of the zero page.
    ///   - level: The tables' level, at least 1.
    ///   - buffer: Temporary space of `Unit.byteCount` bytes.
    ///   - body: Receives a table's index in `tables` and its 512 entries.
    /// - Throws: The errors of reading a page.
    package mutating func forEachTable(
        of tables: some Collection<Location>, level: Int, using buffer: inout MemoryBuffer,
        _ body: (Int, [Location]) throws(SnapError) -> Void
    ) throws(SnapError) {
        let requests = tables.enumerated().map { PageRequest($1, targetPage: $0) }
        try reader.read(requests, level: level, into: &buffer)
        for request in requests {
            let page = buffer.withBytes(Page.bytes(request.targetPage)) { $0.bytes }
            try body(
                request.targetPage,
                try PageTableShape.decode(
                    page, level: level, at: request.location,
                    path: reader.path(of: request.location)))
        }
    }

    /// Finds the files that are needed to read a table or page.
    ///
    /// - Parameter place: The place of the table or page. Its location is not that of the zero
    ///   page.
    /// - Returns: The numbers of the files with the table and, if it is a delta, its base.
    /// - Throws: The errors of reading a page.
    package mutating func numbers(_ place: TablePlace) throws(SnapError) -> Set<Int> {
        [place.location.number, try base(of: place.location, level: place.level).number]
    }

    /// Finds the literal table for a table: its base if it is a delta, else the table itself.
    ///
    /// - Parameters:
    ///   - location: The table's location. For the zero page, the result is the zero page.
    ///   - level: The table's level.
    /// - Returns: The location of the literal table.
    /// - Throws: The errors of reading a page.
    mutating func base(of location: Location, level: Int) throws(SnapError) -> Location {
        try reader.metadata(at: [location], level: level, key: nil)[0].base ?? location
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
        try reader.readBase(base, level: level, as: 0, into: &target)
    }

    /// Checks whether reading a table, or the only page of a block without tables, needs one of
    /// some parts.
    ///
    /// - Parameters:
    ///   - parts: The parts.
    ///   - location: The table's location.
    ///   - level: The table's level.
    /// - Returns: Whether the table or its base is in one of the parts, or cannot be read.
    /// - Throws: `.permission` or `.inputOutput`.
    mutating func needs(
        _ parts: StoredParts, at location: Location, level: Int
    ) throws(SnapError) -> Bool {
        try reader.needs(parts, at: location, level: level)
    }
}
