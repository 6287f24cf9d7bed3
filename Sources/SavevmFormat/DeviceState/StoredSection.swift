import Codecs
package import GuestMemory
import SnapSystem

// Layout: savevm(5), "Section table".
//
//     SIZE  DESCRIPTION
//        4  file count; then for each file, in the order in which the save received them:
//        1  kind: 0 opaque, 1 QEMU stream
//    2 + n  name
//        4  section count; then for each section, in order:
//        1  kind: 0 opaque, 1 framing, 2 RAM start, 3 RAM, 4 device, 5 pages not sent
//    2 + n  name
//        4  instance id
//        4  version id
//        4  section id
//        8  length in bytes
//        8  offset of the device's own state in the section
//        8  length of the device's own state in bytes
//        8  offset of its first piece; its pieces follow one another
//        4  piece count; then for each piece of 64 KiB, the last one shorter:
//             0     1  codec: 0 stored, 1 zlib
//             1     3  reserved
//             4     4  length in bytes
//             8     4  stored length in bytes
//            12     4  reserved
//            16    16  checksum of the stored bytes
//            32    16  checksum of the content

/// A section of a device-state file, and the positions of its pieces.
package struct StoredSection: Sendable, Equatable {
    /// The kinds of sections.
    package enum Kind: UInt8, Sendable {
        /// The content of a file that snap does not interpret.
        case opaque = 0
        /// Bytes of a stream around its sections: header, configuration, commands, description.
        case framing = 1
        /// The section that starts a stream's RAM; empty if the pages are in the savevm file.
        case ramStart = 2
        /// A later section of a stream's RAM; an empty one marks the end of the RAM.
        case ram = 3
        /// A section of a device, including its header and footer.
        case device = 4
        /// A list of the RAM pages that the source did not send; not part of the stream's bytes.
        case unsentPages = 5
    }

    /// The kind, name and ids of a section.
    package struct Identity: Sendable, Equatable {
        /// The kind of the section.
        package let kind: Kind
        /// The name of the device or of the opaque file.
        package let name: String
        /// QEMU's instance id, which distinguishes devices of the same name.
        package let instanceID: UInt32
        /// The version of the device's state format.
        package let versionID: UInt32
        /// QEMU's section id, which is unique in a stream.
        package let sectionID: UInt32

        /// Creates an identity from its properties.
        package init(
            _ kind: Kind, name: String, instanceID: UInt32 = 0, versionID: UInt32 = 0,
            sectionID: UInt32 = 0
        ) {
            self.kind = kind
            self.name = name
            self.instanceID = instanceID
            self.versionID = versionID
            self.sectionID = sectionID
        }
    }

    /// Its kind, name and ids.
    package let identity: Identity
    /// Its length in bytes.
    package private(set) var byteCount = 0
    /// The section's bytes that are the device's own state, without the stream's header and footer.
    package internal(set) var state = 0..<0
    let firstOffset: Int
    private(set) var pieces: [SectionPiece] = []

    /// The kind of the section.
    package var kind: Kind { identity.kind }

    init(_ identity: Identity, firstOffset: Int) {
        self.identity = identity
        self.firstOffset = firstOffset
    }

    mutating func append(_ piece: SectionPiece) {
        byteCount += piece.byteCount
        pieces.append(piece)
    }

    /// A description of the section, for the index and the commands.
    package var summary: DeviceSection {
        DeviceSection(
            name: identity.name, instanceID: Int(identity.instanceID),
            versionID: Int(identity.versionID), byteCount: state.count)
    }

    func encode(to writer: inout ByteWriter) {
        writer.append(identity.kind.rawValue)
        writer.append(text: identity.name)
        writer.append(identity.instanceID)
        writer.append(identity.versionID)
        writer.append(identity.sectionID)
        writer.append(UInt64(byteCount))
        writer.append(UInt64(state.lowerBound))
        writer.append(UInt64(state.count))
        writer.append(UInt64(firstOffset))
        writer.append(UInt32(pieces.count))
        for piece in pieces {
            writer.append(UInt32(piece.codec.rawValue))
            writer.append(UInt32(piece.byteCount))
            writer.append(UInt32(piece.storedByteCount))
            writer.append(0 as UInt32)
            writer.append(piece.checksum)
            writer.append(piece.contentChecksum)
        }
    }

    init(
        _ reader: inout ByteReader, offset: Int, end: Int
    ) throws(SnapError) {
        let field = try reader.integer("section kind", as: UInt8.self)
        guard let kind = Kind(rawValue: field) else {
            throw reader.unsupported(
                "kind of a device section is \(field), expected 0 to 5", bytesBack: 1)
        }
        identity = Identity(
            kind, name: try reader.text("section name"),
            instanceID: try reader.integer("instance id"),
            versionID: try reader.integer("version id"),
            sectionID: try reader.integer("section id"))
        let expected = try reader.count(
            "section length", as: UInt64.self, in: 0...Limits.deviceSectionByteCountMax)
        let start = try reader.count("state offset", as: UInt64.self, in: 0...expected)
        let count = try reader.count("state length", as: UInt64.self, in: 0...expected - start)
        state = start..<start + count
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
            throw reader.damage("section's pieces have \(byteCount) bytes, expected \(expected)")
        }
    }
}
