// snap delete: checkpoints are deleted, and with them the files that no other needs.
//
//     savevm → .retired by rename ─ fsync ─ index row │ readers gone ─ unlink what no remaining
//     checkpoint refers to

import CheckpointIndex
import CheckpointStore
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Deletes checkpoints, or says what deleting them would free.
package struct Delete: Sendable {
    /// What a deletion has done, or would do.
    package struct Outcome: Sendable {
        /// The checkpoints that are gone, or would be, in the order they were named in.
        package internal(set) var deleted: [CheckpointName] = []
        /// How many bytes of the store were freed.
        package internal(set) var freedByteCount = 0
        /// How many files of deleted checkpoints stay because others refer to them.
        package internal(set) var keptFileCount = 0

        mutating func add(_ reclaimed: SpaceReclamation.Outcome) {
            freedByteCount = freedByteCount.addingClamped(reclaimed.freedByteCount)
            keptFileCount += reclaimed.keptFileCount
        }
    }

    /// Which checkpoints: `GUEST:N` or full ids.
    package var specifiers: [CheckpointSpecifier]
    /// Whether a guest may lose its last checkpoint.
    package var allowsLast = false
    /// Whether only to find what would be deleted, and to change nothing.
    package var isDryRun = false

    /// Prepares to delete; everything else has a default.
    ///
    /// - Parameter specifiers: Which checkpoints: `GUEST:N` or full ids.
    /// - Throws: `.usage` for another kind of specifier.
    package init(_ specifiers: [CheckpointSpecifier]) throws(SnapError) {
        for specifier in specifiers where !specifier.isExact {
            throw SnapError(
                .usage, "\(specifier) may name another checkpoint tomorrow",
                hint: "delete takes GUEST:NUMBER and whole ids")
        }
        self.specifiers = specifiers
    }

    /// Deletes the checkpoints, or finds what that would free.
    ///
    /// Either all of them are there, or nothing is done. On a later failure, or interrupted, it
    /// stops between two checkpoints, and the error's hint says which are gone; space that could
    /// not be freed is freed at the guest's next save or deletion.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: How to run.
    /// - Throws: By code: `.notFound`; `.usage` for a guest's last checkpoint; `.busy`;
    ///   `.damaged` for the index; `.permission`; `.inputOutput`; `.interrupted`.
    package func run(
        in store: FilePath, _ context: WorkContext
    ) throws(SnapError) -> Outcome {
        if isDryRun { return try plan(in: try Store(reading: store, context), context) }
        // Opened to read first: a store that is not there is not made.
        let targets = try findTargets(in: try Store(reading: store, context))
        let store = try Store(writing: store, context)
        var outcome = Outcome()
        do throws(SnapError) {
            for guest in targets.map(\.guest).uniqued() {
                try GuestDeletion(
                    of: targets.filter { $0.guest == guest }.map(\.number),
                    from: store.guest(guest), in: store.index, allowsLast: allowsLast
                ).run(storeID: store.identity.id, context, &outcome)
            }
        } catch {
            if outcome.deleted.isEmpty { throw error }
            let deleted = outcome.deleted.map(\.description).joined(separator: ", ")
            throw error.with(hint: "gone all the same: \(deleted)")
        }
        return outcome
    }

    private func plan(
        in store: borrowing Store, _ context: WorkContext
    ) throws(SnapError) -> Outcome {
        var outcome = Outcome(deleted: try findTargets(in: store))
        for guest in outcome.deleted.map(\.guest).uniqued() {
            let numbers = Set(outcome.deleted.filter { $0.guest == guest }.map(\.number))
            outcome.add(
                try SpaceReclamation(of: store.guest(guest), context)
                    .plan(without: numbers))
        }
        return outcome
    }

    /// The checkpoints that are named, each once, all of them there.
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
        // A file that is too damaged for the index can be deleted all the same.
        if case .name(let name) = specifier,
            try store.guest(name.guest).listing().savevm.contains(name.number)
        {
            return name
        }
        guard case .guestOrID(let id) = specifier else {
            return try specifier.resolve(in: store.index).name
        }
        // A guest may have a name that looks like an id; here it is the id.
        guard let checkpoint = try store.index.checkpoints(idPrefix: id.lowercased()).first else {
            throw SnapError(.notFound, "no checkpoint of id \(id)", path: store.index.path)
        }
        return checkpoint.name
    }
}
