import GuestMemory
import SnapSystem

/// A group as it will stand in a file.
package struct EncodedGroup: Sendable {
    /// The level of its pages.
    package let level: Int
    /// Its head.
    package let head: [UInt8]
    /// Its clusters, one after the other.
    package let clusters: [UInt8]

    /// What the group index will say of it, once it is known where it stands.
    func entry(at offset: Int) -> GroupEntry {
        GroupEntry(
            offset: offset, headByteCount: head.count, clusterByteCount: clusters.count,
            level: level, headChecksum: head.withBytes { Hash128(checksumOf: $0) })
    }
}
