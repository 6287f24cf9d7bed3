import CheckpointIndex
import CheckpointStore
import GuestMemory
import SnapSystem

/// Finds the checkpoint that a new one shares pages with.
struct ParentSearch {
    private let parent: Save.Parent
    private let guest: GuestDirectory
    private let index: CheckpointIndex
    private let lost: Set<Int>

    /// Prepares to search.
    ///
    /// - Parameters:
    ///   - parent: What the user asks for.
    ///   - guest: The guest's directory; its writer lock is held.
    ///   - index: The store's index.
    ///   - lost: The numbers of checkpoints whose files are gone.
    init(
        _ parent: Save.Parent, of guest: GuestDirectory, in index: CheckpointIndex,
        without lost: Set<Int>
    ) {
        self.parent = parent
        self.guest = guest
        self.index = index
        self.lost = lost
    }

    /// Opens the checkpoint to share with, and decides what of it can be shared.
    ///
    /// - Parameter blocks: The RAM blocks of the new checkpoint.
    /// - Returns: nil if there is nothing to share with.
    /// - Throws: `.notFound`, `.usage` or `.mismatch` for a parent that was asked for; `.damaged`,
    ///   `.unsupported`, `.permission` or `.inputOutput`.
    func find(for blocks: [RAMBlock]) throws(SnapError) -> ParentCheckpoint? {
        switch parent {
        case .none: return nil
        case .newest:
            var back = 0
            while let newest = try index.latest(of: guest.name, back: back) {
                back += 1
                if lost.contains(newest.number) { continue }
                return try ParentCheckpoint(newest, of: guest, matching: blocks)
            }
            return nil
        case .checkpoint(let specifier):
            let checkpoint = try specifier.resolve(in: index)
            try Self.check(checkpoint, of: guest.name)
            guard
                let parent = try ParentCheckpoint(checkpoint, of: guest, matching: blocks)
            else {
                let byteCount = blocks.reduce(0) { $0 + $1.byteCount }
                throw SnapError(
                    .mismatch,
                    "memory has \(byteCount) bytes, parent \(checkpoint.name) has "
                        + "\(checkpoint.memoryByteCount), and no RAM block of the same name and "
                        + "length")
            }
            return parent
        }
    }

    /// Refuses another guest's checkpoint.
    ///
    /// - Parameters:
    ///   - parent: The checkpoint that was asked for.
    ///   - guest: The guest that is saved.
    /// - Throws: `.usage`.
    static func check(_ parent: Checkpoint, of guest: GuestName) throws(SnapError) {
        guard parent.guest == guest else {
            throw SnapError(.usage, "parent \(parent.name) is not of guest \(guest)")
        }
    }
}
