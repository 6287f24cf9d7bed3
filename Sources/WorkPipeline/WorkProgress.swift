import Synchronization

/// The progress of an operation that may take a long time.
///
/// Workers report what they have done, and the command polls the state.
package final class WorkProgress: Sendable {
    /// The phases of an operation.
    package enum Phase: String, Sendable {
        /// snap reads a stream.
        case reading
        /// snap compares, encodes and stores pages.
        case saving
        /// snap writes pages to an output.
        case restoring
        /// snap compares two memories.
        case comparing
        /// snap checks stored pages.
        case verifying
        /// snap reads page tables.
        case mapping
        /// snap reads files to rebuild the index.
        case indexing
    }

    /// A phase, and how much of it is done.
    package struct State: Sendable, Equatable {
        /// The current phase.
        package var phase: Phase
        /// The amount that is done, in bytes or in items; see `countsBytes`.
        package var doneCount = 0
        /// The total amount of the phase; nil if it is not known.
        package var totalCount: Int?
        /// Whether the amounts are in bytes; false if they count items, such as files.
        package var countsBytes = true
    }

    private let current = Mutex<State?>(nil)

    /// Creates an object that has not started a phase.
    package init() {}

    /// The current state; nil before the first phase.
    package var state: State? { current.withLock(\.self) }

    /// Starts a phase, with nothing done.
    ///
    /// - Parameters:
    ///   - phase: The phase.
    ///   - totalCount: The total amount to do; nil if it is not known.
    ///   - countsBytes: Whether the amounts of this phase are in bytes.
    package func begin(_ phase: Phase, of totalCount: Int?, countsBytes: Bool = true) {
        let state = State(phase: phase, totalCount: totalCount, countsBytes: countsBytes)
        current.withLock { $0 = state }
    }

    /// Sets the amount that is done.
    ///
    /// - Parameter count: The amount since the start of the phase.
    package func reach(_ count: Int) {
        current.withLock { $0?.doneCount = count }
    }

    /// Adds to the amount that is done.
    ///
    /// - Parameter count: The additional amount.
    package func advance(by count: Int) {
        current.withLock { $0?.doneCount += count }
    }
}
