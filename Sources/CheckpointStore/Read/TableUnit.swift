package import SavevmFormat

/// A unit to be checked.
package struct TableUnit: Sendable {
    /// The table over its pages; of a block without tables, the page.
    package let place: TablePlace
    /// Where its pages are stored.
    package let locations: [Location]
    /// The files without which the table cannot be read.
    package let numbers: Set<Int>
}
