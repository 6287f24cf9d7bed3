/// A unit: the pages that one table page describes, which snap processes together.
package enum Unit {
    /// The number of pages in a unit, and of locations in a table page.
    package static let pageCount = 512
    /// A unit's length in bytes: 2 MiB of guest memory.
    package static let byteCount = pageCount * Page.byteCount
}
