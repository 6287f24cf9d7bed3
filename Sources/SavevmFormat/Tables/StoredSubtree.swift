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
