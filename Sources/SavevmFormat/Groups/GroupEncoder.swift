package import Codecs
import GuestMemory
package import SnapSystem

/// An encoder of groups, which divides pages into clusters and compresses them.
///
/// Each worker owns one.
package struct GroupEncoder: ~Copyable {
    private let compressor: Compressor

    /// Creates an encoder.
    ///
    /// - Parameter compression: The codec and the level.
    /// - Throws: `.internalFailure` if the codec cannot be set up.
    package init(_ compression: Compression) throws(SnapError) {
        compressor = try Compressor(compression)
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
        // Clusters of about the same length, none longer than one page more than the compressor's.
        let clusterCount = max(
            1, (bytes.byteCount + compressor.clusterByteCount - 1) / compressor.clusterByteCount)
        var firstSlot = 0
        var encodedOffset = 0
        for index in 1...clusterCount {
            let endMax = bytes.byteCount * index / clusterCount
            var slot = firstSlot
            var end = encodedOffset
            while slot < records.count, end + records[slot].encodedByteCount <= endMax {
                end += records[slot].encodedByteCount
                slot += 1
            }
            clusters.append(
                try Cluster(
                    compressing: bytes.extracting(encodedOffset..<end),
                    slotCount: slot - firstSlot, after: clusters.last, by: compressor,
                    appendingTo: &stored))
            firstSlot = slot
            encodedOffset = end
        }
        precondition(encodedOffset == bytes.byteCount)
        let head = GroupHead(level: level, clusters: clusters, records: records)
        return EncodedGroup(level: level, head: head.encode(), clusters: stored)
    }
}
