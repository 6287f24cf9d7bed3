package import Codecs
import GuestMemory
package import SnapSystem

/// An encoder of groups, which divides pages into clusters and compresses them.
///
/// Each worker owns one.
package struct GroupEncoder: ~Copyable {
    private let deflater: Deflater

    /// Creates an encoder.
    ///
    /// - Parameter compression: How hard to compress.
    /// - Throws: `.internalFailure` if the codec cannot be set up.
    package init(_ compression: CompressionLevel) throws(SnapError) {
        deflater = try Deflater(compression)
    }

    /// Encodes pages as a group.
    ///
    /// - Parameters:
    ///   - records: The records of the pages, in slot order; 1 to 512.
    ///   - bytes: The pages' encodings, one after another, with the lengths in the records.
    ///   - level: The pages' level.
    /// - Returns: The encoded group.
    /// - Throws: `.internalFailure` if the codec fails.
    package func encode(
        _ records: [Record], _ bytes: RawSpan, level: Int
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
            let range = encodedOffset..<encodedOffset + encodedByteCount
            clusters.append(
                try Cluster(
                    compressing: bytes.extracting(range), slotCount: slotCount,
                    after: clusters.last, by: deflater, appendingTo: &stored))
            firstSlot += slotCount
            encodedOffset += encodedByteCount
        }
        precondition(encodedOffset == bytes.byteCount)
        let head = GroupHead(level: level, clusters: clusters, records: records)
        return EncodedGroup(level: level, head: head.encode(), clusters: stored)
    }
}
