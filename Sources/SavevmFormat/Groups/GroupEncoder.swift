import Codecs
import GuestMemory
package import SnapSystem

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

/// Turns pages into a group: cuts clusters and compresses them.
///
/// A worker owns one.
package struct GroupEncoder: ~Copyable {
    private let deflater: Deflater

    /// Sets an encoder up.
    ///
    /// - Parameter level: The compression level, 0 to 9.
    /// - Throws: `.internalFailure` if the codec cannot be set up.
    package init(level: Int) throws(SnapError) {
        deflater = try Deflater(level: level)
    }

    /// Encodes pages as a group.
    ///
    /// - Parameters:
    ///   - level: The pages' level.
    ///   - records: What is known of each, in slot order; 1 to 512.
    ///   - bytes: Their encodings, one after the other, as long as the records say.
    /// - Throws: `.internalFailure` if the codec fails.
    package func encode(
        level: Int, _ records: [Record], _ bytes: RawSpan
    ) throws(SnapError) -> EncodedGroup {
        precondition((1...Limits.slotCountMax).contains(records.count))
        var clusters: [Cluster] = []
        var stored: [UInt8] = []
        stored.reserveCapacity(bytes.byteCount)
        var firstSlot = 0
        var encodedOffset = 0
        while firstSlot < records.count {
            var slotCount = 0
            var encodedByteCount = 0
            for record in records[firstSlot...] {
                let grown = encodedByteCount + record.encodedByteCount
                if grown > Limits.clusterByteCountMax { break }
                encodedByteCount = grown
                slotCount += 1
            }
            let storedOffset = stored.count
            let range = encodedOffset..<encodedOffset + encodedByteCount
            let codec = try deflater.deflate(bytes.extracting(range), appendingTo: &stored)
            let checksum = stored.withBytes { stored in
                Hash128(checksumOf: stored.extracting(storedOffset..<stored.byteCount))
            }
            clusters.append(
                Cluster(
                    firstSlot: firstSlot, slotCount: slotCount, codec: codec,
                    encodedByteCount: encodedByteCount,
                    storedByteCount: stored.count - storedOffset, storedOffset: storedOffset,
                    checksum: checksum))
            firstSlot += slotCount
            encodedOffset += encodedByteCount
        }
        precondition(encodedOffset == bytes.byteCount)
        let head = GroupHead(level: level, clusters: clusters, records: records)
        return EncodedGroup(level: level, head: head.encode(), clusters: stored)
    }
}
