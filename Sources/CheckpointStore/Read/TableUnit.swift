package import SavevmFormat

/// A unit, with the content of its table of level 1.
package struct TableUnit: Sendable {
    /// The place of the unit's table; in a block without tables, the place of its one page.
    package let place: TablePlace
    /// The locations of the unit's pages.
    package let locations: [Location]
    /// The numbers of the files that are needed to read the table.
    package let numbers: Set<Int>
}
