/// Where a group stands, and what vouches for it.
package struct GroupEntry: Sendable, Equatable {
    /// Where its head begins, in bytes from the file's start; the clusters follow.
    package let offset: Int
    /// The length of its head in bytes.
    package let headByteCount: Int
    /// The length of its clusters together, in bytes.
    package let clusterByteCount: Int
    /// The level of its pages.
    package let level: Int
    /// The checksum of its head.
    package let headChecksum: Hash128
}
