import SavevmFormat

/// A unit to be checked.
struct TableUnit: Sendable {
    /// The table over its pages; of a block without tables, the page.
    let place: TablePlace
    /// Where its pages are stored.
    let locations: [Location]
    /// The files without which the table cannot be read.
    let numbers: Set<Int>
}
