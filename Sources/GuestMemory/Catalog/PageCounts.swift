/// The numbers of pages that a checkpoint shares, stores as deltas, and so on.
///
/// A page counts as the first of the first five kinds that applies to it, so `total` is their sum.
/// `becameZero` and `moved` count pages that other counts include.
package struct PageCounts: Sendable, Equatable {
    /// Pages whose bytes are all 0.
    package var zero = 0
    /// Pages shared with the parent.
    package var unchanged = 0
    /// Pages that equal a page that the same save stored.
    package var duplicate = 0
    /// Pages stored as a delta against an older page.
    package var delta = 0
    /// Pages stored as literals.
    package var literal = 0
    /// Those of `zero` that are not zero in the parent.
    package var becameZero = 0
    /// Those of `unchanged` that are stored again because their file, or their base's, was evicted.
    package var moved = 0

    /// The properties with the counts, in the order of savevm(5) and of the index's columns.
    package static let fields: [any WritableKeyPath<PageCounts, Int> & Sendable] = [
        \.zero, \.unchanged, \.duplicate, \.delta, \.literal, \.becameZero, \.moved,
    ]

    /// Creates counts that are all 0.
    package init() {}

    /// The number of all pages.
    package var total: Int { zero + unchanged + duplicate + delta + literal }

    /// The number of pages that differ from the parent's.
    package var changed: Int { becameZero + duplicate + delta + literal }

    /// Adds the counts of another part of the memory.
    ///
    /// - Parameter other: The counts of the other part.
    package mutating func add(_ other: PageCounts) {
        for field in Self.fields { self[keyPath: field] += other[keyPath: field] }
    }
}
