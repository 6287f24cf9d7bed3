/// The number of pages in each state in a part of memory.
package struct PageStateCounts: Sendable, Equatable {
    private var counts = SIMD4<Int>(repeating: 0)

    /// Creates counts that are all 0.
    package init() {}

    /// The number of pages in a state.
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

    /// The number of pages in all states together.
    package var total: Int { counts.wrappedSum() }

    /// Adds the counts of another part of memory.
    ///
    /// - Parameter other: The counts to add.
    package mutating func add(_ other: PageStateCounts) { counts &+= other.counts }
}
