package import Codecs

/// A run of a group's slots, compressed together: the unit of random access.
package struct Cluster: Sendable, Equatable {
    /// Its first slot.
    package let firstSlot: Int
    /// How many slots it has.
    package let slotCount: Int
    /// How its bytes are stored.
    package let codec: Codec
    /// The sum of its slots' encoded lengths, in bytes.
    package let encodedByteCount: Int
    /// Its length in the file, in bytes.
    package let storedByteCount: Int
    /// Where it begins behind the group's head, in bytes.
    package let storedOffset: Int
    /// The checksum of its stored bytes.
    package let checksum: Hash128

    static let byteCount = 32
}
