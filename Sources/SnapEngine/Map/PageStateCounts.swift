/// How many pages of a stretch of memory are in each state.
package struct PageStateCounts: Sendable, Equatable {
    /// By the states' order.
    private var counts = [Int](repeating: 0, count: PageState.allCases.count)

    /// Counts nothing yet.
    package init() {}

    /// How many pages are in a state.
    package subscript(_ state: PageState) -> Int {
        get { counts[state.rawValue] }
        set { counts[state.rawValue] = newValue }
    }

    /// All pages.
    package var total: Int { counts.reduce(0, +) }

    /// Adds the pages of another stretch.
    ///
    /// - Parameter other: The other stretch's.
    package mutating func add(_ other: PageStateCounts) {
        for state in PageState.allCases { self[state] += other[state] }
    }
}
