import Codecs
import GuestMemory
import SnapSystem

// Layout: savevm(5), "Files of snap 0.1".
//
//     SIZE  DESCRIPTION
//        4  file count; then for each file:
//        1  kind
//    2 + n  name
//        4  section count; then for each section:
//        1  kind
//    2 + n  name
//        4  instance id
//        4  version id
//        4  section id
//        8  length in bytes
//        8  offset of the device's own state in the section
//        8  length of the device's own state in bytes
//        8  offset of its first piece; its pieces follow one another
//        4  piece count; then for each piece of 64 KiB, the last one shorter:
//        1  codec
//        3  reserved
//        4  length in bytes
//        4  stored length in bytes
//        4  reserved
//       16  checksum of the stored bytes
//       16  checksum of the content

/// The section table of a file of snap 0.1, in which each piece is a cluster of its own.
struct LegacySectionTable {
    private(set) var clusters: [Cluster] = []
    private(set) var contents: [SectionContent] = []
    private(set) var states: [StoredDeviceState] = []
    private let end: Int

    /// Decodes a table whose checksum has been checked.
    ///
    /// - Parameters:
    ///   - reader: The reader of the table.
    ///   - sectionCount: The number of sections.
    ///   - end: The offset of the table in the file, at which the pieces end.
    /// - Throws: `.damaged` or `.unsupported`.
    init(_ reader: inout ByteReader, sectionCount: Int, end: Int) throws(SnapError) {
        self.end = end
        let fileCount = try reader.count(
            "file count", as: UInt32.self, in: 1...Limits.deviceSectionCountMax)
        for _ in 0..<fileCount {
            var (state, count) = try StoredDeviceState.decodeHead(
                &reader, room: sectionCount - contents.count)
            for _ in 0..<count { state.sections.append(try section(&reader)) }
            states.append(state)
        }
        guard contents.count == sectionCount else {
            throw reader.damage(
                "section table has \(contents.count) sections, expected \(sectionCount)")
        }
        try reader.finish("section table")
    }

    private mutating func section(_ reader: inout ByteReader) throws(SnapError) -> StoredSection {
        let identity = try StoredSection.Identity(&reader)
        let byteCount = try reader.count(
            "section length", as: UInt64.self, in: 0...Limits.deviceSectionByteCountMax)
        let state = try StoredSection.decodeState(&reader, sectionByteCount: byteCount)
        let offset = storedEnd
        _ = try reader.count("section offset", as: UInt64.self, in: offset...offset)
        let pieceCount = try reader.count(
            "piece count", as: UInt32.self,
            in: 0...Limits.deviceSectionByteCountMax / Limits.clusterByteCountMax)
        var pieces: [SectionPiece] = []
        var left = byteCount
        for _ in 0..<pieceCount {
            let piece = try piece(&reader, of: left)
            left -= piece.byteCount
            pieces.append(piece)
        }
        guard left == 0 else {
            throw reader.damage(
                "section's pieces have \(byteCount - left) bytes, expected \(byteCount)")
        }
        let content = SectionContent(byteCount: byteCount, baseSection: nil, pieces: pieces)
        defer { contents.append(content) }
        return StoredSection(identity, number: contents.count, content, state: state)
    }

    /// The offset in the file of the first byte after the clusters so far.
    private var storedEnd: Int { FileHeader.byteCount + (clusters.last?.storedEnd ?? 0) }

    private mutating func piece(
        _ reader: inout ByteReader, of left: Int
    ) throws(SnapError) -> SectionPiece {
        let field = try reader.integer("codec", as: UInt8.self)
        guard let codec = Codec(rawValue: field), codec != .zstd else {
            throw reader.unsupported(
                "codec of a section piece is \(field), expected 0 or 1", bytesBack: 1)
        }
        try reader.zeros(3, "section piece")
        // All pieces but the last have the full length.
        let expected = min(left, Limits.clusterByteCountMax)
        let byteCount = try reader.count(
            "piece length", as: UInt32.self, in: max(1, expected)...max(1, expected))
        let storedByteCount = try reader.count(
            "piece's stored length", as: UInt32.self,
            in: 0...max(0, min(byteCount, end - storedEnd)))
        guard codec != .stored || storedByteCount == byteCount else {
            throw reader.damage(
                "uncompressed piece has \(storedByteCount) stored bytes, expected \(byteCount)")
        }
        try reader.zeros(4, "section piece")
        clusters.append(
            Cluster(
                firstSlot: clusters.count, slotCount: 1, codec: codec,
                encodedByteCount: byteCount, storedByteCount: storedByteCount,
                storedOffset: clusters.last?.storedEnd ?? 0,
                checksum: try reader.hash("piece's checksum")))
        return SectionPiece(
            form: .literal(SectionPiece.Place(cluster: clusters.count - 1, offset: 0)),
            byteCount: byteCount, checksum: try reader.hash("piece's content checksum"))
    }
}
