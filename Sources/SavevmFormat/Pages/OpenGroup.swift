import SnapSystem
import SystemPackage

/// A group whose head has been read, and what is needed of its file.
///
/// The file itself may be closed by now: the pages of a unit can lie in more files than a process
/// may have open.
struct OpenGroup {
    /// The location of its pages, without a slot.
    let key: UInt64
    /// Its file's path.
    let path: FilePath
    /// The key of its pages' digests.
    let digestKey: DigestKey
    /// Where it stands in the file.
    let entry: GroupEntry
    /// Its head.
    let head: GroupHead
    /// For each slot where its encoding begins in its cluster, in bytes.
    private let slotOffsets: [Int]

    /// Takes a group's head.
    init(_ head: GroupHead, of entry: GroupEntry, at location: Location, in file: SavevmFile) {
        key = location.groupKey
        path = file.path
        digestKey = file.checkpoint.digestKey
        self.entry = entry
        self.head = head
        var slotOffsets: [Int] = []
        slotOffsets.reserveCapacity(head.records.count)
        for cluster in head.clusters {
            var offset = 0
            for slot in cluster.firstSlot..<cluster.firstSlot + cluster.slotCount {
                slotOffsets.append(offset)
                offset += head.records[slot].encodedByteCount
            }
        }
        self.slotOffsets = slotOffsets
    }

    /// Whether a location is one of its slots.
    func holds(_ location: Location) -> Bool {
        key == location.groupKey && location.slot < head.records.count
    }

    /// Where the encoding of a page is.
    ///
    /// - Parameter location: One of its slots.
    func encoding(of location: Location) -> StoredEncoding {
        let start = slotOffsets[location.slot]
        return StoredEncoding(
            location: location, entry: entry,
            cluster: head.clusters[head.clusterIndex(ofSlot: location.slot)],
            range: start..<start + head.records[location.slot].encodedByteCount)
    }

    /// The error that something in the group is wrong.
    func damage(_ message: String) -> SnapError {
        SnapError(.damaged, message, path: path, offset: entry.offset)
    }
}
