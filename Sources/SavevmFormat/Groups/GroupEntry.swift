/// An entry of the group index: the position of a group, and the checksum of its head.
package struct GroupEntry: Sendable, Equatable {
    /// The offset of the group's head in the file, in bytes; the clusters follow the head.
    package let offset: Int
    /// The length of the head in bytes.
    package let headByteCount: Int
    /// The length of all clusters together, in bytes.
    package let clusterByteCount: Int
    /// The level of the group's pages.
    package let level: Int
    /// The checksum of the head, which contains the checksums of the clusters.
    package let headChecksum: Hash128

    /// The offsets of the group's head and clusters in the file.
    package var bytes: Range<Int> { offset..<offset + headByteCount + clusterByteCount }
}
