import Codecs
package import GuestMemory
import SnapSystem

// Layout: savevm(5), "Device-state file". The section table:
//
//     SIZE  DESCRIPTION
//        4  file count; then for each file, in the order they were given:
//        1  kind: 0 opaque, 1 QEMU stream
//    2 + n  name
//        4  section count; then for each section, in order:
//        1  kind: 0 opaque, 1 framing, 2 RAM start, 3 RAM, 4 device, 5 pages not sent
//    2 + n  name
//        4  instance id
//        4  version id
//        4  section id
//        8  length in bytes
//        8  where in it the device's own state begins
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

/// A device-state file as it was given, or the device state of a memory image that had one.
package struct StoredDeviceState: Sendable, Equatable {
    /// The sorts of files.
    package enum Kind: UInt8, Sendable {
        /// Bytes that mean nothing to snap: one section.
        case opaque = 0
        /// A QEMU stream; its sections, one after the other, are its bytes.
        case stream = 1
    }

    /// What sort it is.
    package let kind: Kind
    /// Its name; no two of a checkpoint have the same.
    package let name: String
    /// Its sections, in order.
    package internal(set) var sections: [StoredSection] = []

    init(kind: Kind, name: String) {
        self.kind = kind
        self.name = name
    }

    /// The sections that hold a device's state, or a whole file.
    package var listedSections: [StoredSection] {
        sections.filter { $0.kind == .opaque || $0.kind == .device }
    }

    /// The sections that are bytes of the file as it was given.
    package var givenSections: [StoredSection] { sections.filter { $0.kind != .unsentPages } }

    /// The same, as the index and the command speak of them.
    package var summaries: [DeviceSection] { listedSections.map(\.summary) }

    static func encode(_ files: [StoredDeviceState]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(files.count))
        for file in files {
            writer.append(file.kind.rawValue)
            writer.append(text: file.name)
            writer.append(UInt32(file.sections.count))
            for section in file.sections { section.encode(to: &writer) }
        }
        return writer.bytes
    }

    static func decode(
        _ reader: inout ByteReader, sectionCount: Int, end: Int
    ) throws(SnapError) -> [StoredDeviceState] {
        let fileCount = try reader.count(
            "file count", as: UInt32.self, in: 1...Limits.deviceSectionCountMax)
        var files: [StoredDeviceState] = []
        var left = sectionCount
        var offset = FileHeader.byteCount
        for _ in 0..<fileCount {
            let field = try reader.integer("file kind", as: UInt8.self)
            guard let kind = Kind(rawValue: field) else {
                throw reader.unsupported("device-state file has kind \(field)", bytesBack: 1)
            }
            var file = StoredDeviceState(kind: kind, name: try reader.text("file name"))
            let count = try reader.count(
                "section count", as: UInt32.self,
                in: (kind == .opaque ? 1 : 0)...max(0, kind == .opaque ? 1 : left))
            left -= count
            for _ in 0..<count {
                let section = try StoredSection(&reader, offset: offset, end: end)
                offset += section.pieces.reduce(0) { $0 + $1.storedByteCount }
                file.sections.append(section)
            }
            files.append(file)
        }
        guard left == 0 else {
            throw reader.damage(
                "table has \(sectionCount - left) sections, expected \(sectionCount)")
        }
        try reader.finish("section table")
        return files
    }
}

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
        /// Bytes of a stream around its sections: header, configuration, commands, description.
        case framing = 1
        /// The section that begins a stream's RAM; empty where the pages are in the savevm file.
        case ramStart = 2
        /// A later section of a stream's RAM; one that is empty ends it.
        case ram = 3
        /// A section of a device, header and footer included.
        case device = 4
        /// Pages of the stream's RAM that the source has not sent; none of the stream's bytes.
        case unsentPages = 5
    }

    /// What a section is besides its bytes.
    package struct Identity: Sendable, Equatable {
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

        /// Describes a section; the parameters are the properties.
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

    /// What it is.
    package let identity: Identity
    /// Its length in bytes.
    package private(set) var byteCount = 0
    /// Where in it the device's own state is, without the stream's header and footer.
    package internal(set) var state = 0..<0
    let firstOffset: Int
    private(set) var pieces: [SectionPiece] = []

    /// What sort it is.
    package var kind: Kind { identity.kind }

    init(_ identity: Identity, firstOffset: Int) {
        self.identity = identity
        self.firstOffset = firstOffset
    }

    mutating func append(_ piece: SectionPiece) {
        byteCount += piece.byteCount
        pieces.append(piece)
    }

    /// The section as the index and the command speak of it.
    package var summary: DeviceSection {
        DeviceSection(
            name: identity.name, instanceID: Int(identity.instanceID),
            versionID: Int(identity.versionID), byteCount: state.count)
    }

    fileprivate func encode(to writer: inout ByteWriter) {
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

    fileprivate init(
        _ reader: inout ByteReader, offset: Int, end: Int
    ) throws(SnapError) {
        let field = try reader.integer("section kind", as: UInt8.self)
        guard let kind = Kind(rawValue: field) else {
            throw reader.unsupported("device section has kind \(field)", bytesBack: 1)
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
