// snap show: shows one checkpoint. It reads the index, and the base and the disk snapshots in the
// device-state file.

import CheckpointStore
package import GuestMemory
import SavevmFormat
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

    /// Reads the checkpoint's details from the index, the base of its device state, and its disk
    /// snapshots.
    ///
    /// Warns if a killed save has left the guest paused or with changed settings, and if the
    /// device state is damaged.
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
        var details = try store.details(of: specifier)
        details.deviceStateBaseNumber = try deviceStateBase(
            of: details.checkpoint, in: store.directory, context)
        if details.checkpoint.deviceSectionCount > 0 {
            details.diskSnapshots = try DiskSnapshots.find(
                of: [details.checkpoint.number],
                in: store.directory.guest(details.checkpoint.guest)
            ).flatMap(\.snapshots)
        }
        try store.warnOfUnfinishedSaves(of: details.checkpoint.guest, context)
        return details
    }

    private func deviceStateBase(
        of checkpoint: Checkpoint, in store: StoreDirectory, _ context: WorkContext
    ) throws(SnapError) -> Int? {
        if checkpoint.deviceSectionCount == 0 { return nil }
        let files = store.guest(checkpoint.guest).files
        do throws(SnapError) {
            return try files.deviceStateHeader(.deviceState(checkpoint.number)).base?
                .checkpoint.number
        } catch {
            guard error.isDamage else { throw error }
            // The checkpoint can have been deleted in the meantime.
            if error.code != .notFound { context.warn(error) }
            return nil
        }
    }
}
