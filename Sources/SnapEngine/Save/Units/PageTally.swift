import GuestMemory

/// The counts of the pages that a save has classified.
struct PageTally: Sendable {
    /// The number of pages of each kind.
    var counts = PageCounts()
    /// The number of these pages that are zero in the parent.
    var parentZero = 0

    mutating func add(_ other: PageTally) {
        counts.add(other.counts)
        parentZero += other.parentZero
    }
}
