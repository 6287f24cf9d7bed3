/// How many pages of a stretch of memory are in each state.
package struct PageStateCounts: Sendable, Equatable {
    private var counts = SIMD4<Int>(repeating: 0)

    /// Counts nothing yet.
    package init() {}

    /// How many pages are in a state.
    package subscript(_ state: PageState) -> Int {
        get { counts[Self.index(of: state)] }
        set { counts[Self.index(of: state)] = newValue }
    }

    private static func index(of state: PageState) -> Int {
        switch state {
        case .zero: 0
        case .unchanged: 1
        case .delta: 2
        case .stored: 3
        }
    }

    /// All pages.
    package var total: Int { counts.wrappedSum() }

    /// Adds the pages of another stretch.
    ///
    /// - Parameter other: The other stretch's.
    package mutating func add(_ other: PageStateCounts) { counts &+= other.counts }
}
