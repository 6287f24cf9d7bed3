import CheckpointIndex
import CheckpointStore
import GuestMemory
import SnapSystem
import WorkPipeline

/// Finds the checkpoint with which a new one shares pages.
struct ParentSearch {
    /// What opening a checkpoint as the parent has led to.
    private enum Opened {
        case parent(ParentCheckpoint)
        /// No RAM block of the checkpoint matches one of the new checkpoint.
        case unmatched
        case damaged
    }

    private let parent: Save.Parent
    private let guest: GuestDirectory
    private let index: CheckpointIndex
    private let listing: GuestListing
    private let lost: Set<Int>
    private let damage: [DamagedPart]
    private let context: WorkContext

    /// Creates a search.
    ///
    /// - Parameters:
    ///   - parent: The user's choice of the parent.
    ///   - guest: The guest's directory. The caller holds the guest's writer lock.
    ///   - index: The store's index.
    ///   - reconciled: The guest's files, and the checkpoints whose files are missing.
    ///   - context: Receives a warning for each checkpoint that cannot be the parent because it is
    ///     damaged.
    /// - Throws: `.damaged` for the index, or `.inputOutput`.
    init(
        _ parent: Save.Parent, of guest: GuestDirectory, in index: CheckpointIndex,
        _ reconciled: Reconciliation.Outcome, context: WorkContext
    ) throws(SnapError) {
        self.parent = parent
        self.guest = guest
        self.index = index
        listing = reconciled.listing
        lost = reconciled.lost
        damage = try index.damageRecords(of: guest.name).damage.map(\.part)
        self.context = context
    }

    /// Opens the parent and decides which files can be shared.
    ///
    /// If the parent's savevm file is damaged, an older checkpoint is the parent, or none.
    ///
    /// - Parameter blocks: The RAM blocks of the new checkpoint.
    /// - Returns: The parent; nil for a full checkpoint.
    /// - Throws: `.notFound`, `.usage` or `.mismatch` for a parent that the user named;
    ///   `.damaged` for the index; `.permission`, `.inputOutput` or `.interrupted`.
    func find(for blocks: [RAMBlock]) throws(SnapError) -> ParentCheckpoint? {
        switch parent {
        case .none: return nil
        case .newest:
            var back = 0
            while let newest = try index.latest(of: guest.name, back: back) {
                back += 1
                if lost.contains(newest.number) { continue }
                switch try open(newest, for: blocks) {
                case .parent(let parent): return parent
                case .unmatched: return nil
                case .damaged: continue
                }
            }
            return nil
        case .checkpoint(let specifier):
            let checkpoint = try specifier.resolve(in: index)
            try Self.check(checkpoint, of: guest.name)
            switch try open(checkpoint, for: blocks) {
            case .parent(let parent): return parent
            case .damaged: return nil
            case .unmatched:
                let byteCount = blocks.reduce(0) { $0 + $1.byteCount }
                throw SnapError(
                    .mismatch,
                    "memory has \(byteCount) bytes, parent \(checkpoint.name) has "
                        + "\(checkpoint.memoryByteCount) and no RAM block of the same name and "
                        + "length")
            }
        }
    }

    /// Opens a checkpoint as the parent; warns if it is damaged.
    private func open(
        _ checkpoint: Checkpoint, for blocks: [RAMBlock]
    ) throws(SnapError) -> Opened {
        do throws(SnapError) {
            let parent = try ParentCheckpoint(
                checkpoint, of: guest, matching: blocks, among: listing, damage: damage)
            return parent.map { .parent($0) } ?? .unmatched
        } catch {
            guard error.isBadContent else { throw error }
            context.warn(
                SnapError(
                    error.code, "\(checkpoint.name) cannot be the parent: \(error.message)",
                    path: error.path, offset: error.offset))
            return .damaged
        }
    }

    /// Refuses another guest's checkpoint.
    ///
    /// - Parameters:
    ///   - parent: The checkpoint that the user named.
    ///   - guest: The guest that is saved.
    /// - Throws: `.usage` if the checkpoint belongs to another guest.
    static func check(_ parent: Checkpoint, of guest: GuestName) throws(SnapError) {
        guard parent.guest == guest else {
            throw SnapError(.usage, "parent \(parent.name) does not belong to guest \(guest)")
        }
    }
}
