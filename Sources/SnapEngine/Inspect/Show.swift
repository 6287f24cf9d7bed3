// snap show: one checkpoint, from the index alone.

import CheckpointStore
package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Shows one checkpoint.
package struct Show: Sendable {
    /// Which checkpoint.
    package var specifier: CheckpointSpecifier

    /// Prepares to show; the parameter is the property.
    package init(_ specifier: CheckpointSpecifier) {
        self.specifier = specifier
    }

    /// Finds the checkpoint, and warns if a killed save has left its guest changed.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: How to run.
    /// - Throws: `.notFound`; `.usage` for an id that fits two; `.damaged`, `.unsupported`,
    ///   `.busy`, `.permission` or `.inputOutput`.
    package func run(
        in store: FilePath, _ context: WorkContext
    ) throws(SnapError) -> CheckpointDetails {
        let store = try Store(reading: store, context)
        let details = try store.details(of: specifier)
        try store.warnOfInterruptedSaves(of: details.checkpoint.guest, context)
        return details
    }
}
