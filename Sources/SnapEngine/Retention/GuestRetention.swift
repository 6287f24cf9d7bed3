import CheckpointIndex
import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import WorkPipeline

/// The application of a retention policy to one guest.
struct GuestRetention {
    private let policy: RetentionPolicy
    private let guest: GuestDirectory
    private let context: WorkContext

    /// Creates an application.
    ///
    /// - Parameters:
    ///   - policy: The policy.
    ///   - guest: The guest's directory.
    ///   - context: Receives warnings.
    init(_ policy: RetentionPolicy, to guest: GuestDirectory, _ context: WorkContext) {
        self.policy = policy
        self.guest = guest
        self.context = context
    }

    /// Decides what to delete and computes what that would free; changes nothing.
    ///
    /// - Parameter store: The store.
    /// - Throws: `.damaged` for the index; `.permission`, `.inputOutput` or `.interrupted`.
    func plan(in store: borrowing Store) throws(SnapError) -> PrunedGuest {
        var pruned = PrunedGuest(guest.name, try decide(in: store.index))
        let numbers = pruned.deleted.map(\.number)
        pruned.add(try SpaceReclamation(of: guest, context).plan(without: Set(numbers)))
        return pruned
    }

    /// Deletes what the policy does not keep, and frees the space.
    ///
    /// The caller holds the guest's writer lock and has reconciled the guest's files and rows.
    ///
    /// - Parameters:
    ///   - store: The store, open for writing.
    ///   - reclaims: Whether space is freed in any case; else only if much can be freed.
    /// - Throws: `.damaged` for the index; `.cannotCreate`, `.permission`, `.inputOutput` or
    ///   `.interrupted`. The checkpoints deleted before the failure stay deleted.
    func run(
        in store: borrowing Store, reclaims: Bool
    ) throws(SnapError) -> PrunedGuest {
        var pruned = PrunedGuest(guest.name, try decide(in: store.index))
        if !pruned.deleted.isEmpty {
            var retirement = Retirement(of: guest, in: store)
            try retirement.run(
                pruned.deleted.map(\.number), of: try guest.listing(), context)
            pruned.add(retirement.reclaimed)
        }
        let reclamation = SpaceReclamation(of: guest, context)
        let isDue = if reclaims { true } else { try reclamation.isWorthwhile(store.index) }
        if isDue { pruned.add(try reclamation.run(store.index)) }
        return pruned
    }

    private func decide(
        in index: CheckpointIndex
    ) throws(SnapError) -> [RetentionPolicy.Decision] {
        let decisions = try policy.decide(
            try index.checkpoints(of: guest.name), isDamaged: isDamaged)
        if let only = decisions.first(where: { $0.reasons == [RetentionPolicy.onlyReason] }) {
            context.warn(
                SnapError(
                    .usage,
                    "the policy keeps no intact checkpoint of guest \"\(guest.name)\": "
                        + "\(only.checkpoint.name) is kept"))
        }
        return decisions
    }

    /// Checks whether a checkpoint's savevm file is missing or cannot be opened.
    private func isDamaged(_ checkpoint: Checkpoint) throws(SnapError) -> Bool {
        do throws(SnapError) {
            _ = try guest.savevm(of: checkpoint)
            return false
        } catch {
            guard error.isDamage else { throw error }
            return true
        }
    }
}
