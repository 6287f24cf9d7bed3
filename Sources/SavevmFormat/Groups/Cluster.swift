package import Codecs

/// A run of a group's slots, compressed together: the unit of random access.
package struct Cluster: Sendable, Equatable {
    /// The group's slot that comes first in the cluster.
    package let firstSlot: Int
    /// The number of its slots.
    package let slotCount: Int
    /// The codec of its stored bytes.
    package let codec: Codec
    /// The length of its decoded bytes: the sum of its slots' encoded lengths.
    package let encodedByteCount: Int
    /// The length of its stored bytes.
    package let storedByteCount: Int
    /// The offset of its stored bytes from the end of the group's head.
    package let storedOffset: Int
    /// The checksum of its stored bytes.
    package let checksum: Hash128

    static let byteCount = 32
}
