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
        pruned.diskSnapshots = try DiskSnapshots.find(of: numbers, in: guest)
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
    ///   - needed: The number of a checkpoint that is kept regardless of the policy; nil for none.
    /// - Throws: `.damaged` for the index; `.cannotCreate`, `.permission`, `.inputOutput` or
    ///   `.interrupted`. The checkpoints deleted before the failure stay deleted; the error's hint
    ///   lists them.
    func run(
        in store: borrowing Store, reclaims: Bool, keeping needed: Int? = nil
    ) throws(SnapError) -> PrunedGuest {
        var pruned = PrunedGuest(guest.name, try decide(in: store.index, keeping: needed))
        if !pruned.deleted.isEmpty { try delete(&pruned, in: store) }
        let reclamation = SpaceReclamation(of: guest, context)
        let isDue = if reclaims { true } else { try reclamation.isWorthwhile(store.index) }
        if isDue { pruned.add(try reclamation.run(store.index)) }
        return pruned
    }

    private func delete(
        _ pruned: inout PrunedGuest, in store: borrowing Store
    ) throws(SnapError) {
        pruned.diskSnapshots = try DiskSnapshots.find(
            of: pruned.deleted.map(\.number), in: guest)
        var retirement = Retirement(of: guest, in: store)
        do throws(SnapError) {
            try retirement.run(
                pruned.deleted.map(\.number), of: try guest.listing(), context)
        } catch {
            if retirement.deleted.isEmpty { throw error }
            let names = retirement.deleted.map { "\(guest.name):\($0)" }
            throw error.with(hint: "already deleted: \(names.joined(separator: ", "))")
        }
        pruned.add(retirement.reclaimed)
    }

    private func decide(
        in index: CheckpointIndex, keeping needed: Int? = nil
    ) throws(SnapError) -> [RetentionPolicy.Decision] {
        let recorded = try index.damageRecords(of: guest.name).damagedCheckpoints
        var decisions = try policy.decide(try index.checkpoints(of: guest.name)) {
            (checkpoint) throws(SnapError) in
            if recorded.contains(checkpoint.number) { return true }
            return try isUnreadable(checkpoint)
        }
        for place in decisions.indices
        where decisions[place].checkpoint.number == needed && decisions[place].reasons.isEmpty {
            decisions[place].reasons = ["needed"]
        }
        if let only = decisions.first(where: { $0.reasons == [RetentionPolicy.onlyReason] }) {
            context.warn(
                SnapError(
                    .usage,
                    "the policy keeps no intact checkpoint of guest \"\(guest.name)\"; snap keeps "
                        + "\(only.checkpoint.name)"))
        }
        return decisions
    }

    /// Checks whether a checkpoint's savevm file is missing or cannot be opened.
    private func isUnreadable(_ checkpoint: Checkpoint) throws(SnapError) -> Bool {
        do throws(SnapError) {
            _ = try guest.savevm(of: checkpoint)
            return false
        } catch {
            guard error.isDamage else { throw error }
            return true
        }
    }
}
