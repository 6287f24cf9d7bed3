/// A stored table with everything under it, regardless of its place in a page table.
///
/// All places with the same location, level and number of guest pages have the same content.
package struct StoredSubtree: Hashable, Sendable {
    /// The location of the table.
    package let location: Location
    /// The table's level.
    package let level: Int
    /// The number of guest pages that the table covers.
    package let pageCount: Int
}
