import Codecs
package import GuestMemory
import SnapSystem

// Layout: savevm(5), "Device-state file". The section table:
//
//     SIZE  DESCRIPTION
//        4  section count; then for each section, in the order they were given:
//        1  kind: 0 opaque, others are reserved
//    2 + n  name
//        4  instance id
//        4  version id
//        4  section id
//        8  length in bytes
//        8  offset of its first piece; its pieces follow one another
//        4  piece count; then for each piece of 64 KiB, the last one shorter:
//             0     1  codec: 0 stored, 1 zlib
//             1     3  reserved
//             4     4  length in bytes
//             8     4  stored length in bytes
//            12     4  reserved
//            16    16  checksum of the stored bytes
//            32    16  checksum of the content

/// Up to 64 KiB of a device section, compressed alone.
struct SectionPiece: Sendable, Equatable {
    let codec: Codec
    let byteCount: Int
    let storedByteCount: Int
    let checksum: Hash128
    let contentChecksum: Hash128

}

/// A device section and where its bytes are.
package struct StoredSection: Sendable, Equatable {
    /// The sorts of sections.
    package enum Kind: UInt8, Sendable {
        /// A file's content, whatever it means.
        case opaque = 0
    }

    /// What sort it is.
    package let kind: Kind
    /// Its name.
    package let name: String
    /// Which of several devices of that name.
    package let instanceID: UInt32
    /// The version of the device's own format.
    package let versionID: UInt32
    /// Its number in a QEMU stream.
    package let sectionID: UInt32
    /// Its length in bytes.
    package private(set) var byteCount = 0
    let firstOffset: Int
    private(set) var pieces: [SectionPiece] = []

    init(kind: Kind, name: String, firstOffset: Int) {
        self.kind = kind
        self.name = name
        instanceID = 0
        versionID = 0
        sectionID = 0
        self.firstOffset = firstOffset
    }

    mutating func append(_ piece: SectionPiece) {
        byteCount += piece.byteCount
        pieces.append(piece)
    }

    /// The section as the index and the command speak of it.
    package var summary: DeviceSection {
        DeviceSection(
            name: name, instanceID: Int(instanceID), versionID: Int(versionID),
            byteCount: byteCount)
    }

    static func encode(_ sections: [StoredSection]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(sections.count))
        for section in sections {
            writer.append(section.kind.rawValue)
            writer.append(text: section.name)
            writer.append(section.instanceID)
            writer.append(section.versionID)
            writer.append(section.sectionID)
            writer.append(UInt64(section.byteCount))
            writer.append(UInt64(section.firstOffset))
            writer.append(UInt32(section.pieces.count))
            for piece in section.pieces {
                writer.append(UInt32(piece.codec.rawValue))
                writer.append(UInt32(piece.byteCount))
                writer.append(UInt32(piece.storedByteCount))
                writer.append(0 as UInt32)
                writer.append(piece.checksum)
                writer.append(piece.contentChecksum)
            }
        }
        return writer.bytes
    }

    static func decode(
        _ reader: inout ByteReader, count: Int, end: Int
    ) throws(SnapError) -> [StoredSection] {
        let limited = min(count, Limits.deviceSectionCountMax)
        let count = try reader.count("section count", as: UInt32.self, in: limited...limited)
        var sections: [StoredSection] = []
        var offset = FileHeader.byteCount
        for _ in 0..<count {
            let section = try StoredSection(&reader, offset: offset, end: end)
            offset += section.pieces.reduce(0) { $0 + $1.storedByteCount }
            sections.append(section)
        }
        try reader.finish("section table")
        return sections
    }

    private init(_ reader: inout ByteReader, offset: Int, end: Int) throws(SnapError) {
        let field = try reader.integer("section kind", as: UInt8.self)
        guard let kind = Kind(rawValue: field) else {
            throw reader.unsupported("device section has kind \(field)", bytesBack: 1)
        }
        self.kind = kind
        name = try reader.text("section name")
        instanceID = try reader.integer("instance id")
        versionID = try reader.integer("version id")
        sectionID = try reader.integer("section id")
        let expected = try reader.count(
            "section length", as: UInt64.self, in: 0...Limits.deviceSectionByteCountMax)
        firstOffset = try reader.count("section offset", as: UInt64.self, in: offset...offset)
        let pieceCount = try reader.count(
            "piece count", as: UInt32.self,
            in: 0...Limits.deviceSectionByteCountMax / Limits.clusterByteCountMax)
        var room = end - offset
        for _ in 0..<pieceCount {
            let piece = try SectionPiece(&reader, room: room)
            room -= piece.storedByteCount
            append(piece)
        }
        guard byteCount == expected else {
            throw reader.damage("section's pieces hold \(byteCount) bytes, expected \(expected)")
        }
    }
}

extension SectionPiece {
    fileprivate init(_ reader: inout ByteReader, room: Int) throws(SnapError) {
        let field = try reader.integer("codec", as: UInt8.self)
        guard let codec = Codec(rawValue: field) else {
            throw reader.unsupported("section piece has codec \(field)", bytesBack: 1)
        }
        try reader.zeros(3, "section piece")
        let byteCount = try reader.count(
            "piece length", as: UInt32.self, in: 1...Limits.clusterByteCountMax)
        let storedByteCount = try reader.count(
            "piece's stored length", as: UInt32.self, in: 0...max(0, min(byteCount, room)))
        guard codec != .stored || storedByteCount == byteCount else {
            throw reader.damage(
                "piece is stored as it is in \(storedByteCount) bytes, expected \(byteCount)")
        }
        try reader.zeros(4, "section piece")
        self.init(
            codec: codec, byteCount: byteCount, storedByteCount: storedByteCount,
            checksum: try reader.hash("piece's checksum"),
            contentChecksum: try reader.hash("piece's content checksum"))
    }
}
