import SnapSystem
import SystemPackage

/// A group whose head has been read, with the values of its file that readers need.
///
/// The file itself may be closed already, because a unit's pages can be in more files than a
/// process can keep open. If it has been rewritten when it is opened again, the group must be read
/// again too.
///
/// It is a class because readers pass it around for each page.
final class OpenGroup: Sendable {
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
            for slot in cluster.slots {
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

    /// Finds the cluster that contains the encoding of a page.
    ///
    /// - Parameter slot: One of the group's slots.
    /// - Returns: The cluster.
    func cluster(ofSlot slot: Int) -> Cluster {
        head.clusters[head.clusterIndex(ofSlot: slot)]
    }

    /// Finds the encoding of a page in its decoded cluster.
    ///
    /// - Parameter slot: One of the group's slots.
    /// - Returns: The bytes of the cluster's content that are the encoding.
    func encoding(ofSlot slot: Int) -> Range<Int> {
        let start = slotOffsets[slot]
        return start..<start + head.records[slot].encodedByteCount
    }

    /// Creates an error that reports damage in the group.
    func damage(_ message: String) -> SnapError {
        SnapError(.damaged, message, path: path, offset: entry.offset)
    }
}
