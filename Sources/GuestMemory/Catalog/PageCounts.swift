/// What became of a checkpoint's pages.
///
/// `total` is the sum of the first five kinds, tried in this order; `becameZero` and `moved` are
/// parts of others.
package struct PageCounts: Sendable, Equatable {
    /// All bytes are 0.
    package var zero = 0
    /// The parent's page, shared.
    package var unchanged = 0
    /// Equal to a page that the same save stored.
    package var duplicate = 0
    /// Stored as a difference from an older page.
    package var delta = 0
    /// Stored as it is.
    package var literal = 0
    /// Of `zero`: not zero in the parent.
    package var becameZero = 0
    /// Of `unchanged`: stored again because its file was evicted.
    package var moved = 0

    /// All counts, in the order of savevm(5) and of the index's columns.
    package static let fields: [any WritableKeyPath<PageCounts, Int> & Sendable] = [
        \.zero, \.unchanged, \.duplicate, \.delta, \.literal, \.becameZero, \.moved,
    ]

    /// Counts nothing yet.
    package init() {}

    /// All pages.
    package var total: Int { zero + unchanged + duplicate + delta + literal }

    /// The pages that differ from the parent's.
    package var changed: Int { becameZero + duplicate + delta + literal }

    /// Adds the counts of another part of the memory.
    ///
    /// - Parameter other: The other part's.
    package mutating func add(_ other: PageCounts) {
        for field in Self.fields { self[keyPath: field] += other[keyPath: field] }
    }
}
