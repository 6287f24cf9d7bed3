import CheckpointIndex
import CheckpointStore
import GuestMemory
import SnapSystem

/// Finds the checkpoint with which a new one shares pages.
struct ParentSearch {
    private let parent: Save.Parent
    private let guest: GuestDirectory
    private let index: CheckpointIndex
    private let listing: GuestListing
    private let lost: Set<Int>

    /// Creates a search.
    ///
    /// - Parameters:
    ///   - parent: The user's choice of the parent.
    ///   - guest: The guest's directory. The caller holds the guest's writer lock.
    ///   - index: The store's index.
    ///   - reconciled: The guest's files, and the checkpoints whose files are missing.
    init(
        _ parent: Save.Parent, of guest: GuestDirectory, in index: CheckpointIndex,
        _ reconciled: Reconciliation.Outcome
    ) {
        self.parent = parent
        self.guest = guest
        self.index = index
        listing = reconciled.listing
        lost = reconciled.lost
    }

    /// Opens the parent and decides which files can be shared.
    ///
    /// - Parameter blocks: The RAM blocks of the new checkpoint.
    /// - Returns: The parent; nil for a full checkpoint.
    /// - Throws: `.notFound`, `.usage` or `.mismatch` for a parent that the user named; `.damaged`,
    ///   `.unsupported`, `.permission`, `.inputOutput` or `.interrupted`.
    func find(for blocks: [RAMBlock]) throws(SnapError) -> ParentCheckpoint? {
        switch parent {
        case .none: return nil
        case .newest:
            var back = 0
            while let newest = try index.latest(of: guest.name, back: back) {
                back += 1
                if lost.contains(newest.number) { continue }
                return try ParentCheckpoint(
                    newest, of: guest, matching: blocks, among: listing)
            }
            return nil
        case .checkpoint(let specifier):
            let checkpoint = try specifier.resolve(in: index)
            try Self.check(checkpoint, of: guest.name)
            guard
                let parent = try ParentCheckpoint(
                    checkpoint, of: guest, matching: blocks, among: listing)
            else {
                let byteCount = blocks.reduce(0) { $0 + $1.byteCount }
                throw SnapError(
                    .mismatch,
                    "memory has \(byteCount) bytes, parent \(checkpoint.name) has "
                        + "\(checkpoint.memoryByteCount) and no RAM block of the same name and "
                        + "length")
            }
            return parent
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
