// snap list: shows the checkpoints of a store. It reads only the index.

import CheckpointIndex
import CheckpointStore
package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Lists checkpoints.
package struct List: Sendable {
    /// The guest whose checkpoints are listed; nil for all guests.
    package var guest: GuestName?
    /// The earliest time; nil for any.
    package var since: Timestamp?
    /// The latest time; nil for any.
    package var until: Timestamp?
    /// The pattern that labels match; nil for checkpoints with and without labels.
    package var label: GlobPattern?
    /// The number of newest checkpoints to list; nil for all.
    package var countMax: Int?
    /// Whether to warn of guests that a killed save has left paused or with changed settings.
    package var warnsOfUnfinishedSaves = true

    /// Creates a listing; the parameter is the property of that name.
    package init(_ guest: GuestName? = nil) {
        self.guest = guest
    }

    /// Reads the checkpoints from the index.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: Supplies the system calls and receives warnings.
    /// - Returns: The checkpoints, ordered by guest and number.
    /// - Throws: `.notFound` if there is no store or no such guest; `.damaged`, `.unsupported`,
    ///   `.busy`, `.permission` or `.inputOutput`.
    package func run(
        in store: FilePath, _ context: WorkContext
    ) throws(SnapError) -> [Checkpoint] {
        let store = try Store(reading: store, context)
        if warnsOfUnfinishedSaves { try store.warnOfUnfinishedSaves(of: guest, context) }
        var filter = CheckpointFilter(guest: guest)
        filter.since = since
        filter.until = until
        filter.label = label
        filter.countMax = countMax
        return try store.checkpoints(matching: filter)
    }
}
