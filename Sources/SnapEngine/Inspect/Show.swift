// snap show: shows one checkpoint. It reads only the index.

import CheckpointStore
package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Shows one checkpoint.
package struct Show: Sendable {
    /// The specifier of the checkpoint to show.
    package var specifier: CheckpointSpecifier

    /// Creates the operation; the parameter is the property of that name.
    package init(_ specifier: CheckpointSpecifier) {
        self.specifier = specifier
    }

    /// Reads the checkpoint's details from the index.
    ///
    /// Warns if a killed save has left the guest paused or with changed settings.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: Supplies the system calls and receives warnings.
    /// - Returns: The checkpoint, its RAM blocks and its device sections.
    /// - Throws: `.notFound`; `.usage` for part of an id that matches two checkpoints; `.damaged`,
    ///   `.unsupported`, `.busy`, `.permission` or `.inputOutput`.
    package func run(
        in store: FilePath, _ context: WorkContext
    ) throws(SnapError) -> CheckpointDetails {
        let store = try Store(reading: store, context)
        let details = try store.details(of: specifier)
        try store.warnOfUnfinishedSaves(of: details.checkpoint.guest, context)
        return details
    }
}
