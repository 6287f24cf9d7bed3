import SnapSystem

// QEMU has some devices beside the RAM whose state comes in several sections, between those of the
// RAM. The description at the stream's end does not mention them. Their own formats say where a
// section ends, so nothing that a guest can put into one is taken for a footer.

/// The format of the sections of a device that is sent in several.
enum IterableFormat: String {
    /// Which clusters of a disk have been written.
    case dirtyBitmap = "dirty-bitmap"
    /// The content of disks, until QEMU 9.0.
    case block
    /// The hash table of a pseries guest's pages.
    case hashTable = "spapr/htab"
    /// The usage states of an s390x guest's pages.
    case storageAttributes = "s390-storage_attributes"

    private static let blockByteCount = 1 << 20

    /// Takes what a section holds, if it is of this format and its footer follows.
    ///
    /// - Parameters:
    ///   - input: The stream, behind the section's header.
    ///   - sectionID: The section's number.
    /// - Returns: Whether it is; if not, some bytes of it have been taken.
    /// - Throws: `.inputOutput` or `.interrupted`.
    func isPayload(
        _ input: inout StreamInput, of sectionID: UInt32
    ) throws(SnapError) -> Bool {
        do throws(SnapError) {
            try skipPayload(&input)
            return try input.hasFooter(of: sectionID, isThere: true)
        } catch {
            guard error.code == .inputDamaged else { throw error }
            return false
        }
    }

    /// Takes what a section holds, up to its footer.
    ///
    /// - Parameter input: The stream, behind the section's header.
    /// - Throws: `.inputDamaged` if it is not of this format, `.inputOutput`.
    private func skipPayload(_ input: inout StreamInput) throws(SnapError) {
        switch self {
        case .dirtyBitmap: while try !Self.skipBitmapChunk(&input) {}
        case .block: while try !Self.skipBlock(&input) {}
        case .hashTable: try Self.skipHashTable(&input)
        case .storageAttributes: while try !Self.skipAttributes(&input) {}
        }
    }

    /// A chunk of dirty bitmaps; the flags are in 1, 2 or 4 bytes.
    ///
    ///     01 last │ 02 zeros │ 04 bitmap's name │ 08 node's name │ 10 start │ 40 bits │ 80 more
    ///
    /// - Returns: Whether it is the section's last.
    private static func skipBitmapChunk(_ input: inout StreamInput) throws(SnapError) -> Bool {
        var flags = UInt32(try input.integer("flags of a dirty bitmap", as: UInt8.self))
        if flags & 0x80 != 0 {
            flags = flags << 8 | UInt32(try input.integer("more flags", as: UInt8.self))
            if flags & 0x80 != 0 {
                flags = flags << 16 | UInt32(try input.integer("more flags", as: UInt16.self))
            }
        }
        for name in [0x08, 0x04] as [UInt32] where flags & name != 0 {
            try input.skip(Int(try input.integer("length of a name", as: UInt8.self)))
        }
        if flags & 0x10 != 0 {
            try input.skip(5)  // granularity, flags of the bitmap
        } else if flags & 0x40 != 0 {
            try input.skip(12)  // first sector, count of sectors
            if flags & 0x02 == 0 { try skipBuffer(&input, "bits of a dirty bitmap") }
        }
        return flags & 0x01 != 0
    }

    /// A block of a disk, or how far the disks have come.
    ///
    /// - Returns: Whether it was the section's end instead.
    private static func skipBlock(_ input: inout StreamInput) throws(SnapError) -> Bool {
        let flags = try input.integer("flags of a block", as: UInt64.self) & 0x1ff
        if flags & 0x01 != 0 {
            try input.skip(Int(try input.integer("length of a name", as: UInt8.self)))
            if flags & 0x08 == 0 { try input.skip(blockByteCount) }
        } else if flags & 0x06 == 0 {
            throw input.damage("block of a disk has the flags \(flags)")
        }
        return flags & 0x02 != 0
    }

    /// The table's size in the first section, runs of entries in the others.
    private static func skipHashTable(_ input: inout StreamInput) throws(SnapError) {
        guard try input.integer("size of a hash table", as: UInt32.self) == 0 else { return }
        while true {
            let index = try input.integer("index of hash table entries", as: UInt32.self)
            let validCount = try input.integer("count of entries", as: UInt16.self)
            let invalidCount = try input.integer("count of entries", as: UInt16.self)
            if index == 0 && validCount == 0 && invalidCount == 0 { return }
            try input.skip(Int(validCount) * 16)
        }
    }

    /// A run of storage attributes.
    ///
    /// - Returns: Whether it was the section's end instead.
    private static func skipAttributes(_ input: inout StreamInput) throws(SnapError) -> Bool {
        let flags = try input.integer("flags of attributes", as: UInt64.self) & 0xfff
        switch flags {
        case 0x01: return true
        case 0x02: try skipBuffer(&input, "storage attributes")
        case 0x08: break
        default: throw input.damage("storage attributes have the flags \(flags)")
        }
        return false
    }

    private static func skipBuffer(
        _ input: inout StreamInput, _ what: String
    ) throws(SnapError) {
        let count = try input.integer(what, as: UInt64.self)
        guard count <= StreamLimits.memoryByteCountMax else {
            throw input.damage("\(what) have \(count) bytes")
        }
        try input.skip(Int(count))
    }
}
