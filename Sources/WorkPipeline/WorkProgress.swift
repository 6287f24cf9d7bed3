import Synchronization

/// The progress of an operation that may take long.
///
/// Workers report what they have done; the command looks at it now and then.
package final class WorkProgress: Sendable {
    /// What an operation is doing.
    package enum Phase: String, Sendable {
        /// A stream is being read.
        case reading
        /// Pages are being compared, encoded and stored.
        case saving
        /// Pages are being written back.
        case restoring
        /// Two memories are being compared.
        case comparing
        /// What is stored is being checked.
        case verifying
        /// Page tables are being read.
        case mapping
        /// Files are being read for the index.
        case indexing
    }

    /// How much has been done.
    package struct State: Sendable, Equatable {
        /// What it is doing.
        package var phase: Phase
        /// How much of that is done.
        package var doneCount = 0
        /// How much there is; nil where it is not known.
        package var totalCount: Int?
        /// Whether bytes are counted, or else things.
        package var countsBytes = true
    }

    private let current = Mutex<State?>(nil)

    /// Begins without a phase.
    package init() {}

    /// How far it has come; nil before the first phase.
    package var state: State? { current.withLock(\.self) }

    /// Begins a phase.
    ///
    /// - Parameters:
    ///   - phase: Which.
    ///   - totalCount: How much there is to do; nil if it is not known.
    ///   - countsBytes: Whether that is bytes.
    package func begin(_ phase: Phase, of totalCount: Int?, countsBytes: Bool = true) {
        let state = State(phase: phase, totalCount: totalCount, countsBytes: countsBytes)
        current.withLock { $0 = state }
    }

    /// Says how much has been done by now.
    ///
    /// - Parameter count: How much of the phase.
    package func reach(_ count: Int) {
        current.withLock { $0?.doneCount = count }
    }

    /// Counts what has been done.
    ///
    /// - Parameter count: How much more.
    package func advance(by count: Int) {
        current.withLock { $0?.doneCount += count }
    }
}
