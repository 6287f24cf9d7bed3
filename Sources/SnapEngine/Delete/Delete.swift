// snap delete: deletes checkpoints, and the files that no remaining checkpoint needs.
//
//     each savevm → .retired by rename ─ fsync ─ index rows │ SpaceReclamation of CheckpointStore

import CheckpointIndex
import CheckpointStore
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Deletes checkpoints, or computes what their deletion would free.
package struct Delete: Sendable {
    /// The result of a deletion, or of a dry run.
    package struct Outcome: Sendable {
        /// The checkpoints that were deleted, or would be deleted.
        package internal(set) var deleted: [CheckpointName] = []
        /// The number of bytes that were freed on the disk.
        package internal(set) var freedByteCount = 0
        /// The number of deleted checkpoints' files that stay because checkpoints need pages in
        /// them.
        package internal(set) var keptFileCount = 0

        /// The disk snapshots of these checkpoints, which snap does not delete.
        package internal(set) var diskSnapshots: [DiskSnapshots] = []

        mutating func add(_ reclaimed: SpaceReclamation.Outcome) {
            freedByteCount = freedByteCount.addingClamped(reclaimed.freedByteCount)
            keptFileCount += reclaimed.keptFileCount
        }
    }

    /// The checkpoints to delete, as `GUEST:N` or complete ids.
    package var specifiers: [CheckpointSpecifier]
    /// Whether a guest's last checkpoint may be deleted.
    package var allowsLast = false
    /// Whether to only compute the outcome and change nothing.
    package var isDryRun = false

    /// Creates a deletion; all other options have defaults.
    ///
    /// - Parameter specifiers: The checkpoints to delete, as `GUEST:N` or complete ids.
    /// - Throws: `.usage` for another kind of specifier.
    package init(_ specifiers: [CheckpointSpecifier]) throws(SnapError) {
        for specifier in specifiers where !specifier.isExact {
            throw SnapError(
                .usage, "\(specifier) can name a different checkpoint later",
                hint: "use GUEST:NUMBER or a complete id")
        }
        self.specifiers = specifiers
    }

    /// Deletes the checkpoints; a dry run only computes what that would free.
    ///
    /// Changes nothing if one of the checkpoints does not exist. If a later step fails or is
    /// interrupted, the deletion stops between two checkpoints, and the error's hint lists the
    /// deleted ones. The guest's next deletion or prune frees space that could not be freed now.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: Supplies the lock timeout and receives warnings.
    /// - Returns: The deleted checkpoints and the space that was freed.
    /// - Throws: `.notFound` if a checkpoint does not exist; `.usage` for a guest's last
    ///   checkpoint; `.damaged` for the index; `.busy`, `.permission`, `.inputOutput` or
    ///   `.interrupted`.
    package func run(
        in store: FilePath, _ context: WorkContext
    ) throws(SnapError) -> Outcome {
        if isDryRun { return try plan(in: try Store(reading: store, context), context) }
        // Opening for writing would create a missing store, so the targets are found first.
        let targets = try findTargets(in: try Store(reading: store, context))
        let store = try Store(writing: store, addsCheckpoints: false, context)
        var outcome = Outcome()
        do throws(SnapError) {
            for guest in targets.map(\.guest).uniqued() {
                try GuestDeletion(
                    of: targets.filter { $0.guest == guest }.map(\.number),
                    from: store.guest(guest), in: store.index, allowsLast: allowsLast
                ).run(in: store, context, &outcome)
            }
        } catch {
            if outcome.deleted.isEmpty { throw error }
            let deleted = outcome.deleted.map(\.description).joined(separator: ", ")
            throw error.with(hint: "already deleted: \(deleted)")
        }
        return outcome
    }

    private func plan(
        in store: borrowing Store, _ context: WorkContext
    ) throws(SnapError) -> Outcome {
        var outcome = Outcome(deleted: try findTargets(in: store))
        for guest in outcome.deleted.map(\.guest).uniqued() {
            let numbers = Set(outcome.deleted.filter { $0.guest == guest }.map(\.number))
            outcome.diskSnapshots += try DiskSnapshots.find(
                of: numbers.sorted(), in: store.guest(guest))
            outcome.add(
                try SpaceReclamation(of: store.guest(guest), context)
                    .plan(without: numbers))
        }
        return outcome
    }

    /// Finds the named checkpoints, each once; throws if one of them does not exist.
    private func findTargets(
        in store: borrowing Store
    ) throws(SnapError) -> [CheckpointName] {
        var targets: [CheckpointName] = []
        for specifier in specifiers { targets.append(try target(specifier, in: store)) }
        targets = targets.uniqued()
        for guest in targets.map(\.guest).uniqued() {
            let directory = store.guest(guest)
            try GuestDeletion(
                of: targets.filter { $0.guest == guest }.map(\.number), from: directory,
                in: store.index, allowsLast: allowsLast
            ).check(try directory.listing())
        }
        return targets
    }

    private func target(
        _ specifier: CheckpointSpecifier, in store: borrowing Store
    ) throws(SnapError) -> CheckpointName {
        // A file that is too damaged to be in the index can be deleted anyway.
        if case .name(let name) = specifier,
            try store.guest(name.guest).listing().savevm.contains(name.number)
        {
            return name
        }
        guard case .guestOrID(let id) = specifier else {
            return try specifier.resolve(in: store.index).name
        }
        // A guest's name can look like an id. Only the id is meant here.
        guard let checkpoint = try store.index.checkpoints(idPrefix: id.lowercased()).first else {
            throw SnapError(.notFound, "no checkpoint with id \(id)", path: store.index.path)
        }
        return checkpoint.name
    }
}
