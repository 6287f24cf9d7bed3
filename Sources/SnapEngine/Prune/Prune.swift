// snap prune: deletes the checkpoints that a retention policy does not keep, and frees the space.
//
//     index rows ─ policy: last, periods, span, labels ─ names │ Retirement and SpaceReclamation of
//     CheckpointStore
//
// The policy and its application to a guest are in the folder Retention, because `snap save` uses
// them too.

import CheckpointStore
package import GuestMemory
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Applies a retention policy to one guest or to all guests.
package struct Prune: Sendable {
    /// The result of a prune, or of a dry run.
    package struct Outcome: Sendable {
        /// The guests to which the policy was applied.
        package internal(set) var guests: [PrunedGuest] = []
        /// The guests to which it could not be applied, and the reasons.
        package internal(set) var failures: [(guest: GuestName, error: SnapError)] = []
    }

    /// The policy.
    package var policy: RetentionPolicy
    /// The guest; nil for all.
    package var guest: GuestName?
    /// Whether to only compute the outcome and change nothing.
    package var isDryRun = false

    /// Creates a prune of all guests.
    ///
    /// - Parameter policy: The policy.
    /// - Throws: `.usage` if the policy has no rule.
    package init(_ policy: RetentionPolicy) throws(SnapError) {
        guard !policy.isEmpty else {
            throw SnapError(
                .usage, "no policy is given",
                hint: "use one of the --keep options, such as "
                    + "--keep-last 12")
        }
        self.policy = policy
    }

    /// Deletes the checkpoints that the policy does not keep, and frees their space.
    ///
    /// Skips a guest that fails, for example because it is locked, and reports it in the outcome.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - context: Supplies the lock timeout and receives warnings. A dry run waits for no lock.
    /// - Returns: What was kept and deleted.
    /// - Throws: `.notFound` if there is no store or no such guest; `.damaged` for the index;
    ///   `.unsupported`, `.busy`, `.permission`, `.inputOutput` or `.interrupted`.
    package func run(
        in path: FilePath, _ context: WorkContext
    ) throws(SnapError) -> Outcome {
        let reading = try Store(reading: path, context)
        let guests = try guests(in: reading)
        var outcome = Outcome()
        if isDryRun {
            for guest in guests {
                try add(guest, to: &outcome) { () throws(SnapError) in
                    try GuestRetention(policy, to: reading.guest(guest), context).plan(in: reading)
                }
            }
            return outcome
        }
        // Opening for writing would create a missing store, so the guests are found first.
        let store = try Store(writing: path, addsCheckpoints: false, context)
        for guest in guests {
            try add(guest, to: &outcome) { () throws(SnapError) in
                try prune(store.guest(guest), in: store, context)
            }
        }
        return outcome
    }

    private func guests(in store: borrowing Store) throws(SnapError) -> [GuestName] {
        guard let guest else { return try store.directory.guests() }
        _ = try store.checkpoints(of: guest)
        return [guest]
    }

    private func add(
        _ guest: GuestName, to outcome: inout Outcome,
        _ body: () throws(SnapError) -> PrunedGuest
    ) throws(SnapError) {
        do throws(SnapError) { outcome.guests.append(try body()) } catch {
            if error.code == .interrupted { throw error }
            outcome.failures.append((guest, error))
        }
    }

    private func prune(
        _ guest: GuestDirectory, in store: borrowing Store, _ context: WorkContext
    ) throws(SnapError) -> PrunedGuest {
        try guest.withWriterLock(context) { () throws(SnapError) in
            let reconciliation = Reconciliation(of: guest, in: store.index, context)
            let isComplete = try reconciliation.run().isComplete
            let pruned = try GuestRetention(policy, to: guest, context)
                .run(in: store, reclaims: true)
            // Now there may be space for the rows.
            if !isComplete { _ = try reconciliation.run() }
            return pruned
        }
    }
}
