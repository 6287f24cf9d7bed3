import Codecs
package import GuestMemory
package import SnapSystem
package import SystemPackage

// Layout: savevm(5), "Header".
//
//     OFFSET  SIZE  DESCRIPTION
//          0     8  magic, which identifies the kind of file
//          8     2  major version
//         10     2  minor version
//         12     4  incompatible feature flags: a reader refuses those it does not know
//         16     4  compatible feature flags: a reader ignores those it does not know
//         20     4  reserved
//         24     8  checkpoint number
//         32    16  checksum of the header with this field zero; at this offset in every version
//         48    16  store id
//         64    16  checkpoint id, which is also the file's id
//         80    16  parent's checkpoint id, zero for a full checkpoint
//         96     8  parent's number, zero for a full checkpoint
//        104     2  digest algorithm: 1 is XXH3-128 with a secret of 192 bytes
//        106     6  reserved
//        112     8  device-state file: number of its base's checkpoint, zero without a base
//        120    16  id of its base's checkpoint
//        136    16  checksum of its base's trailer
//        152   360  reserved

/// The header of a savevm or device-state file, which identifies the file and its checkpoint.
package struct FileHeader: Sendable, Equatable {
    /// The kinds of files.
    package enum Kind: Sendable {
        /// A savevm file: RAM pages and page tables.
        case savevm
        /// A device-state file: device sections.
        case deviceState

        /// The first bytes of the file, which change if a transfer converts the file as text.
        var magic: [UInt8] {
            switch self {
            case .savevm: [0x89, 0x53, 0x56, 0x4d, 0x0d, 0x0a, 0x1a, 0x0a]  // \x89 SVM
            case .deviceState: [0x89, 0x53, 0x44, 0x53, 0x0d, 0x0a, 0x1a, 0x0a]  // \x89 SDS
            }
        }

        var name: String {
            switch self {
            case .savevm: "savevm file"
            case .deviceState: "device-state file"
            }
        }

        /// The incompatible feature flags that a file of this kind can have.
        var knownFlags: UInt32 {
            switch self {
            case .savevm: FileHeader.zstdClusters
            case .deviceState: FileHeader.zstdClusters | FileHeader.sharedDeviceState
            }
        }

        /// The sections that the file's trailer lists, in order.
        var sections: [FileSection] {
            switch self {
            case .savevm: [.groupIndex, .blockTable, .references, .description]
            case .deviceState: [.sectionTable]
            }
        }
    }

    /// The kind of the file.
    package let kind: Kind
    /// The checkpoint's number.
    package let number: Int
    /// The id of the store that the file was created in.
    package let storeID: Identifier
    /// The checkpoint's id.
    package let checkpointID: Identifier
    /// The parent's number and id; nil for a full checkpoint.
    package let parent: FileReference?
    /// The device-state file that contains what this one does not; nil without a base.
    package let base: DeviceStateBase?
    /// The flags of features that a reader must know.
    let incompatibleFlags: UInt32
    /// The flags of features that a reader can ignore.
    let compatibleFlags: UInt32

    /// Whether the file is a device-state file of snap 0.1, whose sections nothing can share.
    var isLegacyDeviceState: Bool {
        kind == .deviceState && incompatibleFlags & Self.sharedDeviceState == 0
    }

    /// The codec with which the file was written.
    package var codec: CheckpointCodec {
        incompatibleFlags & Self.zstdClusters == 0 ? .zlib : .zstd
    }

    /// The highest codec that the file's clusters can have.
    var codecMax: Codec { codec == .zstd ? .zstd : .zlib }

    /// The length of a header in bytes.
    package static let byteCount = 512
    static let majorVersion: UInt16 = 0
    static let minorVersion: UInt16 = 1
    static let checksumOffset = 32
    /// The incompatible feature: clusters can be zstd frames.
    static let zstdClusters: UInt32 = 1 << 0
    /// The incompatible feature: a device-state file whose sections share clusters, and which can
    /// have a base.
    static let sharedDeviceState: UInt32 = 1 << 2
    private static let baseOffset = 112
    private static let digestAlgorithm: UInt16 = 1

    /// Creates the header of a new file.
    ///
    /// - Parameters:
    ///   - kind: The kind of the file.
    ///   - number: The checkpoint's number.
    ///   - storeID: The id of the store that contains the file.
    ///   - checkpointID: The checkpoint's id.
    ///   - parent: The parent's number and id; nil for a full checkpoint.
    ///   - codec: The codec with which the file is written.
    ///   - base: The base of a device-state file; nil without a base.
    package init(
        _ kind: Kind, number: Int, storeID: Identifier, checkpointID: Identifier,
        parent: FileReference?, codec: CheckpointCodec = .zlib,
        base: DeviceStateBase? = nil
    ) {
        precondition(base == nil || kind == .deviceState)
        self.kind = kind
        self.number = number
        self.storeID = storeID
        self.checkpointID = checkpointID
        self.parent = parent
        self.base = base
        incompatibleFlags =
            (codec == .zstd ? Self.zstdClusters : 0)
            | (kind == .deviceState ? Self.sharedDeviceState : 0)
        compatibleFlags = 0
    }

    func encode() -> [UInt8] { sealed.bytes }

    /// The checksum that the encoded header contains.
    var checksum: Hash128 { sealed.checksum }

    private var sealed: (bytes: [UInt8], checksum: Hash128) {
        var writer = ByteWriter(capacity: Self.byteCount)
        writer.append(kind.magic)
        writer.append(Self.majorVersion)
        writer.append(Self.minorVersion)
        writer.append(incompatibleFlags)
        writer.pad(to: 24)
        writer.append(UInt64(number))
        writer.pad(to: 48)
        writer.append(storeID)
        writer.append(checkpointID)
        writer.append(parent?.id ?? .none)
        writer.append(UInt64(parent?.number ?? 0))
        writer.append(Self.digestAlgorithm)
        if let base {
            writer.pad(to: Self.baseOffset)
            base.encode(to: &writer)
        }
        writer.pad(to: Self.byteCount)
        let checksum = writer.seal(at: Self.checksumOffset)
        return (writer.bytes, checksum)
    }

    /// Decodes a header, and checks its magic, length and checksum before all other fields.
    ///
    /// - Parameters:
    ///   - bytes: The file's first 512 bytes, or all bytes of a shorter file.
    ///   - kind: The expected kind of the file.
    ///   - path: The file's path, for messages.
    /// - Throws: `.damaged`; `.unsupported` for another version or an unknown feature.
    package init(_ bytes: [UInt8], _ kind: Kind, path: FilePath) throws(SnapError) {
        var reader = ByteReader(bytes, path: path, startOffset: 0)
        guard try reader.bytes(kind.magic.count, "header") == kind.magic else {
            throw reader.damage("is not a \(kind.name)", bytesBack: kind.magic.count)
        }
        guard bytes.count == Self.byteCount else {
            throw reader.damage("header has \(bytes.count) bytes, expected \(Self.byteCount)")
        }
        try reader.checkSeal(at: Self.checksumOffset, "header")
        let major = try reader.integer("major version", as: UInt16.self)
        guard major == Self.majorVersion else {
            throw SnapError(
                .unsupported,
                "format version is \(major), expected \(Self.majorVersion)",
                path: path, offset: 8)
        }
        _ = try reader.integer("minor version", as: UInt16.self)
        let flags = try reader.integer("incompatible feature flags", as: UInt32.self)
        guard flags & ~kind.knownFlags == 0 else {
            throw SnapError(
                .unsupported,
                "incompatible feature flags are \(flags), expected none but "
                    + "\(kind.knownFlags)",
                path: path, offset: 12)
        }
        incompatibleFlags = flags
        compatibleFlags = try reader.integer("compatible feature flags")
        try reader.zeros(4, "header")
        self.kind = kind
        number = try reader.count(
            "checkpoint number", as: UInt64.self, in: 1...Checkpoint.numberMax)
        _ = try reader.hash("header checksum")
        storeID = try reader.identifier("store id")
        checkpointID = try reader.identifier("checkpoint id")
        let parentID = try reader.identifier("parent's id")
        let parentNumber = try reader.count(
            "parent's number", as: UInt64.self, in: 0...number - 1)
        parent = parentNumber == 0 ? nil : FileReference(number: parentNumber, id: parentID)
        let algorithm = try reader.integer("digest algorithm", as: UInt16.self)
        guard algorithm == Self.digestAlgorithm else {
            throw SnapError(
                .unsupported,
                "digest algorithm is \(algorithm), expected \(Self.digestAlgorithm)", path: path,
                offset: 104)
        }
        try reader.zeros(Self.baseOffset - reader.position, "header")
        base =
            flags & Self.sharedDeviceState == 0
            ? nil : try DeviceStateBase(&reader, before: number)
        try reader.zeros(Self.byteCount - reader.position, "header")
    }
}

extension FileHeader {
    /// Reads the checksum that a header contains, which must equal the one in the trailer.
    ///
    /// - Parameters:
    ///   - header: The header's 512 bytes.
    ///   - path: The file's path, for messages.
    /// - Returns: The checksum.
    /// - Throws: `.damaged` if the bytes end before the checksum.
    static func checksum(in header: [UInt8], path: FilePath) throws(SnapError) -> Hash128 {
        var reader = ByteReader(header, path: path, startOffset: 0)
        try reader.skip(checksumOffset, "header")
        return try reader.hash("header checksum")
    }
}
