// snap list: the checkpoints that there are, from the index alone.

import CheckpointStore
package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Lists checkpoints.
package struct List: Sendable {
    /// Whose checkpoints; nil for every guest's.
    package var guest: GuestName?
    /// Whether to warn of guests that a killed save has left changed.
    package var warnsOfInterruptedSaves = true

    /// Prepares to list; everything has a default.
    package init(_ guest: GuestName? = nil) {
        self.guest = guest
    }

    /// Lists the checkpoints.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: How to run.
    /// - Returns: The checkpoints, by guest and number.
    /// - Throws: `.notFound` if there is no store or no such guest; `.damaged`, `.unsupported`,
    ///   `.busy`, `.permission` or `.inputOutput`.
    package func run(
        in store: FilePath, _ context: WorkContext
    ) throws(SnapError) -> [Checkpoint] {
        let store = try Store(reading: store, context)
        if warnsOfInterruptedSaves { try store.warnOfInterruptedSaves(of: guest, context) }
        return try store.checkpoints(of: guest)
    }
}
