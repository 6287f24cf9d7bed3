import Codecs
import GuestMemory
import SnapSystem

// Layout: savevm(5), "Section table".
//
//     SIZE  DESCRIPTION
//        4  cluster count; then for each cluster:
//       32  see Cluster
//     for each section, in order, and at the end for the section list:
//        v  0 without a base section, or the number of the base section plus 1
//        v  length in bytes, if there is no base section
//     for each piece of 64 KiB, the last one shorter:
//        v  form: 0 literal, 1 same as the base's piece, n >= 2 runs of n - 1 bytes
//       16  checksum of the piece's bytes, if the form is not 1
//
// v is a varint.

/// The positions of all contents in a device-state file.
struct SectionTable: Sendable, Equatable {
    /// The clusters, in the order in which they are stored.
    let clusters: [Cluster]
    /// The content of each section, and at the end that of the section list.
    let contents: [SectionContent]

    /// The number of the section list among the contents.
    var listNumber: Int { contents.count - 1 }

    func encode() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(clusters.count))
        for cluster in clusters { cluster.encode(to: &writer) }
        for content in contents {
            if let section = content.baseSection {
                writer.append(varint: UInt64(section) + 1)
            } else {
                writer.append(varint: 0)
                writer.append(varint: UInt64(content.byteCount))
            }
            for piece in content.pieces {
                switch piece.form {
                case .literal: writer.append(varint: 0)
                case .same: writer.append(varint: 1)
                case .runs(_, let byteCount): writer.append(varint: UInt64(byteCount) + 1)
                }
                if let checksum = piece.checksum { writer.append(checksum) }
            }
        }
        return writer.bytes
    }

    /// Decodes a table whose checksum has been checked.
    ///
    /// - Parameters:
    ///   - reader: The reader of the table.
    ///   - sectionCount: The number of sections, without the section list.
    ///   - clusterByteCount: The length of all clusters together, in bytes.
    ///   - codecMax: The highest codec that the file's header allows.
    ///   - base: The table of the base; nil without a base.
    /// - Throws: `.damaged` or `.unsupported`.
    static func decode(
        _ reader: inout ByteReader, sectionCount: Int, clusterByteCount: Int, codecMax: Codec,
        base: SectionTable?
    ) throws(SnapError) -> SectionTable {
        guard sectionCount <= Limits.deviceSectionCountMax else {
            throw reader.damage(
                "file has \(sectionCount) device sections, expected at most "
                    + "\(Limits.deviceSectionCountMax)")
        }
        let clusters = try Cluster.decode(
            try reader.count("cluster count", as: UInt32.self, in: 0...Int(UInt32.max)), &reader,
            codecMax: codecMax)
        let storedEnd = clusters.last?.storedEnd ?? 0
        guard storedEnd == clusterByteCount else {
            throw reader.damage("clusters have \(storedEnd) bytes, expected \(clusterByteCount)")
        }
        var placing = PiecePlacing(clusters)
        var contents: [SectionContent] = []
        var sharedSections: Set<Int> = []
        for _ in 0...sectionCount {
            let content = try SectionContent(&reader, base: base, &placing)
            // Otherwise a short file could stand for very many bytes.
            if let section = content.baseSection, !sharedSections.insert(section).inserted {
                throw reader.damage("two sections share section \(section) of the base")
            }
            contents.append(content)
        }
        try placing.finish(reader)
        try reader.finish("section table")
        return SectionTable(clusters: clusters, contents: contents)
    }
}
