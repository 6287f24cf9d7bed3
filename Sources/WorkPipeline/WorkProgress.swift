import Synchronization

/// How far a command that may take long has come, for whoever shows it.
///
/// Workers tell what they have done; somebody else looks now and then.
package final class WorkProgress: Sendable {
    /// What a command is at.
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

    /// How far it has come.
    package struct State: Sendable, Equatable {
        /// What it is at.
        package var phase: Phase
        /// How much of that is done.
        package var doneCount = 0
        /// How much there is; nil where nobody knows.
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
    ///   - totalCount: How much there is to do; nil if nobody knows.
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
