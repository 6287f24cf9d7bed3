import GuestMemory
import SnapSystem

/// A group that is encoded for a file.
package struct EncodedGroup: Sendable {
    /// The level of its pages: 0 for guest pages.
    package let level: Int
    /// The bytes of its head.
    package let head: [UInt8]
    /// The stored bytes of its clusters, one after another.
    package let clusters: [UInt8]

    /// Creates the group's entry in the group index, for a group at an offset in the file.
    func entry(at offset: Int) -> GroupEntry {
        GroupEntry(
            offset: offset, headByteCount: head.count, clusterByteCount: clusters.count,
            level: level, headChecksum: head.withBytes { Hash128(checksumOf: $0) })
    }
}
