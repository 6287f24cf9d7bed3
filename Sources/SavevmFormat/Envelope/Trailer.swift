package import GuestMemory
import SnapSystem
import SystemPackage

// Layout: savevm(5), "Trailer".
//
//     OFFSET  SIZE  DESCRIPTION
//          0   160  five sections: offset 8, length 8, checksum 16 bytes each.
//                   savevm file: group index, block table, references, description, reserved;
//                   device-state file: section table, four reserved.
//                   The checksum of the group index is zero here: its blocks have checksums.
//                   Reserved sections are zero unless a compatible feature flag is set.
//        160     8  group count; in a device-state file, the section count
//        168     4  generation: how often the file has been rewritten
//        172     4  reserved
//        176     8  length of the file in bytes
//        184    16  checkpoint id
//        200    16  checksum of the header
//        216    16  checksum of the trailer with this field zero
//        232    16  reserved
//        248     8  magic: the header's magic in reverse order

/// The trailer of a file, which contains the positions and checksums of its sections.
///
/// The trailer is the last part that is written, so a file with a valid trailer is complete.
package struct Trailer: Sendable, Equatable {
    /// The position of a section in the file, and its checksum.
    package struct Extent: Sendable, Equatable {
        /// The section's offset in the file, in bytes.
        package let offset: Int
        /// The section's length in bytes.
        package let byteCount: Int
        /// The checksum of the section's bytes; zero for the group index.
        package let checksum: Hash128

        static let none = Extent(offset: 0, byteCount: 0, checksum: .none)
    }

    /// The sections that are not reserved, in the order of the layout.
    package let sections: [Extent]
    /// The number of groups in a savevm file, or of device sections in a device-state file.
    package let itemCount: Int
    /// How often the file has been rewritten.
    package let generation: Int
    /// The length of the file in bytes.
    package let fileByteCount: Int
    /// The checkpoint's id.
    package let checkpointID: Identifier
    /// The checksum that the header contains.
    package let headerChecksum: Hash128

    /// The length of a trailer in bytes.
    package static let byteCount = 256
    static let checksumOffset = 216
    private static let sectionCountMax = 5

    /// The position of a section, which the file's kind must have.
    subscript(_ section: FileSection) -> Extent { sections[section.index] }

    func encode(_ kind: FileHeader.Kind) -> [UInt8] {
        var writer = ByteWriter(capacity: Self.byteCount)
        for section in sections {
            writer.append(UInt64(section.offset))
            writer.append(UInt64(section.byteCount))
            writer.append(section.checksum)
        }
        writer.pad(to: 160)
        writer.append(UInt64(itemCount))
        writer.append(UInt32(generation))
        writer.append(0 as UInt32)
        writer.append(UInt64(fileByteCount))
        writer.append(checkpointID)
        writer.append(headerChecksum)
        writer.pad(to: 248)
        writer.append(kind.magic.reversed())
        writer.seal(at: Self.checksumOffset)
        return writer.bytes
    }

    /// Decodes a trailer, and checks its checksum before its fields.
    ///
    /// - Parameters:
    ///   - bytes: The file's last 256 bytes.
    ///   - header: The file's header.
    ///   - path: The file's path, for messages.
    ///   - fileByteCount: The actual length of the file, in bytes.
    /// - Throws: `.damaged`.
    init(
        _ bytes: [UInt8], of header: FileHeader, path: FilePath, fileByteCount: Int
    ) throws(SnapError) {
        let sectionCount = header.kind.sections.count
        let offset = fileByteCount - Self.byteCount
        var reader = ByteReader(bytes, path: path, startOffset: offset)
        try reader.checkSeal(at: Self.checksumOffset, "trailer")
        var sections: [Extent] = []
        var end = FileHeader.byteCount
        for index in 0..<Self.sectionCountMax {
            if index >= sectionCount, header.compatibleFlags == 0 || reader.isZero(32) {
                try reader.zeros(32, "trailer")
                continue
            }
            let start = try reader.count("section offset", as: UInt64.self, in: end...offset)
            let byteCount = try reader.count(
                "section length", as: UInt64.self, in: 0...offset - start)
            let checksum = try reader.hash("section checksum")
            let section = Extent(offset: start, byteCount: byteCount, checksum: checksum)
            if index < sectionCount { sections.append(section) }
            end = start + byteCount
        }
        guard end == offset else {
            throw reader.damage("sections end at \(end), not at the trailer")
        }
        self.sections = sections
        itemCount = try reader.count("item count", as: UInt64.self, in: 0...Limits.groupCountMax)
        generation = try reader.count("generation", as: UInt32.self, in: 0...Int(UInt32.max))
        try reader.zeros(4, "trailer")
        self.fileByteCount = try reader.count(
            "file length", as: UInt64.self, in: fileByteCount...fileByteCount)
        checkpointID = try reader.identifier("checkpoint id")
        headerChecksum = try reader.hash("header checksum")
        _ = try reader.hash("trailer checksum")
        try reader.zeros(16, "trailer")
        guard try reader.bytes(8, "magic") == header.kind.magic.reversed() else {
            throw reader.damage("trailer has the wrong magic", bytesBack: 8)
        }
        guard checkpointID == header.checkpointID else {
            throw reader.damage(
                "trailer belongs to checkpoint \(checkpointID.hex), header to "
                    + "\(header.checkpointID.hex)")
        }
    }

    init(
        sections: [Extent], itemCount: Int, generation: Int = 0, fileByteCount: Int,
        checkpointID: Identifier, headerChecksum: Hash128
    ) {
        self.sections = sections
        self.itemCount = itemCount
        self.generation = generation
        self.fileByteCount = fileByteCount
        self.checkpointID = checkpointID
        self.headerChecksum = headerChecksum
    }
}
