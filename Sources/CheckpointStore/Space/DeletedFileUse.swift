import GuestMemory
import SavevmFormat
import SnapSystem

/// The live and dead parts of a deleted checkpoint's file.
struct DeletedFileUse {
    /// The number of live slots.
    private(set) var liveSlotCount = 0
    /// The dead parts of the file as runs of bytes: groups and clusters without live slots.
    private var deadRuns: [Range<Int>] = []
    /// The length that the file would have if it were rewritten, approximately, in bytes.
    private(set) var rewrittenByteCount: Int

    /// Creates a use without groups.
    ///
    /// - Parameter file: The file, for the length of the parts that a rewritten file keeps.
    init(of file: SavevmFile) {
        rewrittenByteCount = file.byteCountWithoutGroups
    }

    /// Adds a group without live slots.
    mutating func addDead(_ entry: GroupEntry) {
        deadRuns.append(entry.bytes)
    }

    /// Adds a group whose head cannot be read, so that all of its slots count as live.
    mutating func addUnreadable(_ entry: GroupEntry) {
        liveSlotCount += 1
        rewrittenByteCount += entry.bytes.count
    }

    /// Adds a group with live slots.
    ///
    /// - Parameters:
    ///   - entry: The group's entry in the group index.
    ///   - head: The group's head.
    ///   - live: The group's live slots.
    mutating func add(_ entry: GroupEntry, _ head: GroupHead, live: PageSet) {
        liveSlotCount += live.count
        rewrittenByteCount += entry.headByteCount
        let clustersOffset = entry.offset + entry.headByteCount
        for cluster in head.clusters {
            let slots = cluster.firstSlot..<cluster.firstSlot + cluster.slotCount
            guard slots.contains(where: live.contains) else {
                let start = clustersOffset + cluster.storedOffset
                deadRuns.append(start..<start + cluster.storedByteCount)
                continue
            }
            let liveByteCount = slots.reduce(0) {
                $0 + (live.contains($1) ? head.records[$1].encodedByteCount : 0)
            }
            // All encodings of a cluster compress about equally well.
            rewrittenByteCount +=
                cluster.storedByteCount * liveByteCount / max(cluster.encodedByteCount, 1)
        }
    }

    /// The dead blocks, which can be freed in place, as ascending runs of bytes.
    ///
    /// - Parameter blockByteCount: The length of a block in bytes, a power of two.
    func deadBlocks(of blockByteCount: Int) -> [Range<Int>] {
        let mask = blockByteCount - 1
        var merged: [Range<Int>] = []
        for run in deadRuns.sorted(by: { $0.lowerBound < $1.lowerBound }) where !run.isEmpty {
            merged.append(merging: run)
        }
        return merged.compactMap { run in
            let start = (run.lowerBound + mask) & ~mask
            let end = run.upperBound & ~mask
            return start < end ? start..<end : nil
        }
    }
}
