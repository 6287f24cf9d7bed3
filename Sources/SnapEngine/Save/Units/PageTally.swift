import GuestMemory

/// The counts of the pages that a save has classified.
struct PageTally: Sendable {
    /// The number of pages of each kind.
    var counts = PageCounts()
    /// The number of these pages that are zero in the parent.
    var parentZero = 0
    /// The number of pages that were not read and are zero in the parent.
    var cleanZero = 0
    /// The number of stored pages that replace damaged pages of the parent.
    var replacedDamaged = 0
    /// Whether a table of the parent is damaged, so that `parentZero` is too low.
    ///
    /// The save then visits all units, and `cleanZero` counts all pages that were not read.
    var hasUnknownParent = false

    mutating func add(_ other: PageTally) {
        counts.add(other.counts)
        parentZero += other.parentZero
        cleanZero += other.cleanZero
        replacedDamaged += other.replacedDamaged
        hasUnknownParent = hasUnknownParent || other.hasUnknownParent
    }
}
