import CheckpointStore
package import GuestMemory

/// What a retention policy has kept and deleted of a guest, or would keep and delete.
package struct PrunedGuest: Sendable {
    /// The guest.
    package let name: GuestName
    /// The decision on each checkpoint, the newest first.
    package let decisions: [RetentionPolicy.Decision]
    /// The number of bytes that were freed on the disk.
    package private(set) var freedByteCount = 0
    /// The number of bytes that were written into rewritten files.
    package private(set) var writtenByteCount = 0
    /// The number of deleted checkpoints' files that stay because checkpoints need pages in them.
    package private(set) var keptFileCount = 0

    /// The disk snapshots of the deleted checkpoints, which snap does not delete.
    package internal(set) var diskSnapshots: [DiskSnapshots] = []

    /// Creates the result of decisions, before any space is freed.
    init(_ guest: GuestName, _ decisions: [RetentionPolicy.Decision]) {
        name = guest
        self.decisions = decisions
    }

    /// Adds the space that was freed.
    mutating func add(_ reclaimed: SpaceReclamation.Outcome) {
        freedByteCount = freedByteCount.addingClamped(reclaimed.freedByteCount)
        writtenByteCount = writtenByteCount.addingClamped(reclaimed.writtenByteCount)
        keptFileCount += reclaimed.keptFileCount
    }

    /// The kept checkpoints, the newest first.
    package var kept: [RetentionPolicy.Decision] { decisions.filter { !$0.reasons.isEmpty } }

    /// The deleted checkpoints, the oldest first.
    package var deleted: [CheckpointName] {
        decisions.filter(\.reasons.isEmpty).reversed().map(\.checkpoint.name)
    }
}
