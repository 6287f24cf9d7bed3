import SnapSystem
import SystemPackage

/// A group whose head has been read, with the values of its file that readers need.
///
/// The file itself may be closed already, because a unit's pages can be in more files than a
/// process can keep open. If it has been rewritten when it is opened again, the group must be read
/// again too.
struct OpenGroup {
    /// The `groupKey` of its pages' locations.
    let key: UInt64
    /// The path of its file.
    let path: FilePath
    /// The generation of its file.
    let generation: Int
    /// The key of its pages' digests.
    let digestKey: DigestKey
    /// Its entry in the group index.
    let entry: GroupEntry
    /// The decoded head.
    let head: GroupHead
    /// The offset of each slot's encoding in its decoded cluster, in bytes.
    private let slotOffsets: [Int]

    /// Creates a group from its head.
    init(_ head: GroupHead, of entry: GroupEntry, at location: Location, in file: SavevmFile) {
        key = location.groupKey
        path = file.path
        generation = file.generation
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

    /// Checks whether a location is one of the group's slots.
    func holds(_ location: Location) -> Bool {
        key == location.groupKey && location.slot < head.records.count
    }

    /// Finds the encoding of a page.
    ///
    /// - Parameter location: The location of one of the group's slots.
    /// - Returns: The position of the encoding.
    func encoding(of location: Location) -> StoredEncoding {
        let start = slotOffsets[location.slot]
        return StoredEncoding(
            location: location, generation: generation, entry: entry,
            cluster: head.clusters[head.clusterIndex(ofSlot: location.slot)],
            range: start..<start + head.records[location.slot].encodedByteCount)
    }

    /// Creates an error that reports damage in the group.
    func damage(_ message: String) -> SnapError {
        SnapError(.damaged, message, path: path, offset: entry.offset)
    }
}
