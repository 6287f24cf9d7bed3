import GuestMemory

/// What became of pages that were looked at.
struct PageTally: Sendable {
    /// By kind.
    var counts = PageCounts()
    /// How many of them are zero in the parent.
    var parentZero = 0

    mutating func add(_ other: PageTally) {
        counts.add(other.counts)
        parentZero += other.parentZero
    }
}
