/// The pages under one table page: the unit of work.
package enum Unit {
    /// Pages in a unit, and locations in a table page.
    package static let pageCount = 512
    /// A unit's length in bytes: 2 MiB of guest memory.
    package static let byteCount = pageCount * Page.byteCount
}
