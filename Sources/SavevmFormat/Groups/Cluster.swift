package import Codecs
import SnapSystem

// Layout: savevm(5), "Clusters".
//
//     OFFSET  SIZE  DESCRIPTION
//          0     2  slot count
//          2     1  codec: 0 stored, 1 zlib, 2 zstd
//          3     1  dictionary count: 0; others are reserved
//          4     4  encoded bytes: the sum of its slots' lengths, at most 65536
//          8     4  stored bytes, at most the encoded bytes
//         12     4  reserved
//         16    16  checksum of the stored bytes

/// A run of slots that are compressed together: the unit of random access.
///
/// The slots are those of a group, or the encoded pieces of a device-state file.
package struct Cluster: Sendable, Equatable {
    /// The slot that comes first in the cluster.
    package let firstSlot: Int
    /// The number of its slots.
    package let slotCount: Int
    /// The codec of its stored bytes.
    package let codec: Codec
    /// The length of its decoded bytes: the sum of its slots' encoded lengths.
    package let encodedByteCount: Int
    /// The length of its stored bytes.
    package let storedByteCount: Int
    /// The offset of its stored bytes from those of the first cluster.
    package let storedOffset: Int
    /// The checksum of its stored bytes.
    package let checksum: Hash128

    static let byteCount = 32

    /// Its slots.
    package var slots: Range<Int> { firstSlot..<firstSlot + slotCount }

    /// The offset of the first byte after the cluster from the first cluster.
    var storedEnd: Int { storedOffset + storedByteCount }
}

extension Cluster {
    /// Compresses slots as the next cluster.
    ///
    /// - Parameters:
    ///   - encoded: The encodings of the slots, one after another; at most 64 KiB.
    ///   - slotCount: The number of the slots.
    ///   - previous: The cluster before; nil for the first one.
    ///   - compressor: The compressor.
    ///   - stored: The array to which the stored bytes are appended.
    /// - Throws: `.internalFailure` if the codec fails.
    init(
        compressing encoded: RawSpan, slotCount: Int, after previous: Cluster?,
        by compressor: borrowing Compressor, appendingTo stored: inout [UInt8]
    ) throws(SnapError) {
        let start = stored.count
        let codec = try compressor.compress(encoded, appendingTo: &stored)
        let checksum = stored.withBytes { stored in
            Hash128(checksumOf: stored.extracting(start..<stored.byteCount))
        }
        self.init(
            firstSlot: previous?.slots.upperBound ?? 0, slotCount: slotCount, codec: codec,
            encodedByteCount: encoded.byteCount, storedByteCount: stored.count - start,
            storedOffset: previous?.storedEnd ?? 0, checksum: checksum)
    }

    func encode(to writer: inout ByteWriter) {
        writer.append(UInt16(slotCount))
        writer.append(codec.rawValue)
        writer.append(0 as UInt8)
        writer.append(UInt32(encodedByteCount))
        writer.append(UInt32(storedByteCount))
        writer.append(0 as UInt32)
        writer.append(checksum)
    }

    /// Decodes consecutive clusters.
    ///
    /// - Parameters:
    ///   - count: The number of clusters.
    ///   - reader: The reader of their entries.
    ///   - codecMax: The highest codec that the file's header allows.
    /// - Throws: `.damaged`; `.unsupported` for a codec or dictionary of a later version.
    static func decode(
        _ count: Int, _ reader: inout ByteReader, codecMax: Codec
    ) throws(SnapError) -> [Cluster] {
        var clusters: [Cluster] = []
        clusters.reserveCapacity(min(count, Limits.clusterCountMax))
        for _ in 0..<count {
            clusters.append(try Cluster(&reader, after: clusters.last, codecMax: codecMax))
        }
        return clusters
    }

    private init(
        _ reader: inout ByteReader, after previous: Cluster?, codecMax: Codec
    ) throws(SnapError) {
        let slotCount = try reader.count(
            "cluster's slot count", as: UInt16.self, in: 1...Limits.slotCountMax)
        let codecField = try reader.integer("codec", as: UInt8.self)
        let dictionaryCount = try reader.integer("dictionary count", as: UInt8.self)
        guard let codec = Codec(rawValue: codecField), codec.rawValue <= codecMax.rawValue,
            dictionaryCount == 0
        else {
            throw reader.unsupported(
                "cluster has codec \(codecField) and \(dictionaryCount) dictionaries, expected "
                    + "a codec from 0 to \(codecMax.rawValue) and no dictionary",
                bytesBack: 2)
        }
        let encodedByteCount = try reader.count(
            "cluster's encoded bytes", as: UInt32.self, in: 0...Limits.clusterByteCountMax)
        let storedRange =
            codec == .stored ? encodedByteCount...encodedByteCount : 0...encodedByteCount
        let storedByteCount = try reader.count(
            "cluster's stored bytes", as: UInt32.self, in: storedRange)
        try reader.zeros(4, "cluster")
        self.init(
            firstSlot: previous?.slots.upperBound ?? 0, slotCount: slotCount, codec: codec,
            encodedByteCount: encodedByteCount, storedByteCount: storedByteCount,
            storedOffset: previous?.storedEnd ?? 0,
            checksum: try reader.hash("cluster checksum"))
    }
}
