import GuestMemory
import SnapEngine
import SnapSystem

/// A guest's checkpoints on a time axis: those that exist, those that are deleted, and disk use.
struct GuestHistory {
    /// What belongs to one slot of the axis.
    struct Slot {
        /// The checkpoints that exist, ordered by number.
        var kept: [Checkpoint] = []
        /// The number of deleted checkpoints.
        var deletedCount = 0
        /// The disk use of the files that were written in the slot or before, in bytes.
        var diskByteCount = 0

        /// The bytes that the slot's checkpoints have stored.
        var storedByteCount: Int { kept.reduce(0) { $0.addingClamped($1.storedByteCount) } }
        /// The pages that the slot's checkpoints have changed.
        var changedPageCount: Int { kept.reduce(0) { $0.addingClamped($1.pages.changed) } }
        /// Whether one of the slot's checkpoints is a full one.
        var hasFull: Bool { kept.contains { $0.parentNumber == nil } }

        /// The names of the slot's checkpoints: `web1:7`, or `web1:7 to web1:19`.
        var names: String {
            guard let first = kept.first, let last = kept.last else { return "" }
            return kept.count == 1
                ? first.name.description
                : "\(kept.count.counted("checkpoint")), \(first.name) to \(last.name)"
        }
    }

    /// The axis.
    let axis: TimeAxis
    /// The slots of the axis, in order.
    private(set) var slots: [Slot]

    /// The numbers of slots of the axis that are possible; there are fewer with many guests.
    private static let slotCounts = 32...96
    /// The number of slots of all guests together, approximately.
    private static let totalSlotCount = 2000

    /// Creates a history; nil without checkpoints.
    ///
    /// - Parameters:
    ///   - guest: The guest.
    ///   - guestCount: The number of guests on the page.
    init?(of guest: Summarize.Guest, among guestCount: Int) {
        let times = guest.checkpoints.map(\.createdAt)
        guard let first = times.min(), let last = times.max() else { return nil }
        let share = Self.totalSlotCount / max(1, guestCount)
        axis = TimeAxis(
            from: first, to: last,
            slotCountMax: min(
                max(share, Self.slotCounts.lowerBound), Self.slotCounts.upperBound))
        slots = Array(repeating: Slot(), count: axis.slotCount)
        for checkpoint in guest.checkpoints {
            slots[axis.slot(of: checkpoint.createdAt)].kept.append(checkpoint)
        }
        addDeleted(between: guest.checkpoints)
        addDiskUse(of: guest)
    }

    /// Adds the checkpoints whose numbers are missing.
    ///
    /// Their times are not known, so they are spread evenly between those of the checkpoints before
    /// and after them.
    private mutating func addDeleted(between checkpoints: [Checkpoint]) {
        for (before, after) in zip(checkpoints, checkpoints.dropFirst()) {
            let last = axis.slot(of: after.createdAt)
            let count = after.number - before.number - 1
            guard count > 0, axis.slot(of: before.createdAt) <= last else { continue }
            let first = min(axis.slot(of: before.createdAt) + 1, max(last - 1, 0))
            let slotCount = max(1, last - first)
            for index in 0..<slotCount {
                // Rounding in this way adds up to the count.
                slots[first + index].deletedCount +=
                    count * (index + 1) / slotCount - count * index / slotCount
            }
        }
    }

    /// Adds up the disk use of files, those of deleted checkpoints included, in order of number.
    private mutating func addDiskUse(of guest: Summarize.Guest) {
        var slot = 0
        var rest = guest.checkpoints[...]
        for (number, byteCount) in guest.diskByteCounts.sorted(by: { $0.key < $1.key }) {
            // A deleted checkpoint's file counts from the time of the next checkpoint.
            while let next = rest.first, next.number < number { rest.removeFirst() }
            if let next = rest.first { slot = axis.slot(of: next.createdAt) }
            slots[slot].diskByteCount = slots[slot].diskByteCount.addingClamped(byteCount)
        }
        for slot in slots.indices.dropFirst() {
            slots[slot].diskByteCount = slots[slot].diskByteCount
                .addingClamped(slots[slot - 1].diskByteCount)
        }
    }
}
