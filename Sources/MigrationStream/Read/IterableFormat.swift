import SnapSystem

// In addition to the RAM, QEMU has devices whose state is sent in several sections, interleaved
// with those of the RAM. The description at the stream's end does not mention them. Their own
// formats determine where a section ends, so bytes that a guest controls are never mistaken for a
// footer.

/// The state format of a device that is sent in several sections.
enum IterableFormat: String {
    /// The dirty bitmaps of disks: which clusters have been written.
    case dirtyBitmap = "dirty-bitmap"
    /// The contents of disks, up to QEMU 9.0.
    case block
    /// The hash page table of a pseries guest.
    case hashTable = "spapr/htab"
    /// The usage states of an s390x guest's pages.
    case storageAttributes = "s390-storage_attributes"

    private static let blockByteCount = 1 << 20

    /// Skips the contents of a section, if they have this format and the footer follows.
    ///
    /// - Parameters:
    ///   - input: The stream, after the section's header. It ends up before the footer.
    ///   - sectionID: The section's number.
    /// - Returns: Whether the contents have this format. If not, some of them may have been
    ///   skipped.
    /// - Throws: `.inputOutput` or `.interrupted`.
    func isPayload(
        _ input: inout StreamInput, of sectionID: UInt32
    ) throws(SnapError) -> Bool {
        do throws(SnapError) {
            try skipPayload(&input)
            return try input.hasFooter(of: sectionID, hasFooters: true)
        } catch {
            guard error.code == .inputDamaged else { throw error }
            return false
        }
    }

    /// Skips the contents of a section, up to its footer.
    ///
    /// - Parameter input: The stream, after the section's header.
    /// - Throws: `.inputDamaged` if the contents do not have this format; `.inputOutput` or
    ///   `.interrupted`.
    private func skipPayload(_ input: inout StreamInput) throws(SnapError) {
        switch self {
        case .dirtyBitmap: while try !Self.skipBitmapChunk(&input) {}
        case .block: while try !Self.skipBlock(&input) {}
        case .hashTable: try Self.skipHashTable(&input)
        case .storageAttributes: while try !Self.skipAttributes(&input) {}
        }
    }

    /// Skips a chunk of dirty bitmaps, whose flags have 1, 2 or 4 bytes.
    ///
    ///     01 last │ 02 zeros │ 04 bitmap name │ 08 node name │ 10 start │ 40 bits │ 80 more
    ///
    /// - Returns: Whether the chunk is the section's last.
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

    /// Skips a block of a disk, or a progress report.
    ///
    /// - Returns: Whether the section ends here.
    private static func skipBlock(_ input: inout StreamInput) throws(SnapError) -> Bool {
        let flags = try input.integer("flags of a block", as: UInt64.self) & 0x1ff
        if flags & 0x01 != 0 {
            try input.skip(Int(try input.integer("length of a name", as: UInt8.self)))
            if flags & 0x08 == 0 { try input.skip(blockByteCount) }
        } else if flags & 0x06 == 0 {
            throw input.damage("block of a disk has invalid flags: \(flags)")
        }
        return flags & 0x02 != 0
    }

    /// Skips the size of the table in the first section, or the runs of entries in a later one.
    private static func skipHashTable(_ input: inout StreamInput) throws(SnapError) {
        guard try input.integer("size of a hash table", as: UInt32.self) == 0 else { return }
        while true {
            let index = try input.integer("index of hash table entries", as: UInt32.self)
            let validCount = try input.integer("number of entries", as: UInt16.self)
            let invalidCount = try input.integer("number of entries", as: UInt16.self)
            if index == 0 && validCount == 0 && invalidCount == 0 { return }
            try input.skip(Int(validCount) * 16)
        }
    }

    /// Skips a run of storage attributes.
    ///
    /// - Returns: Whether the section ends here instead.
    private static func skipAttributes(_ input: inout StreamInput) throws(SnapError) -> Bool {
        let flags = try input.integer("flags of attributes", as: UInt64.self) & 0xfff
        switch flags {
        case 0x01: return true
        case 0x02: try skipBuffer(&input, "storage attributes")
        case 0x08: break
        default: throw input.damage("storage attributes have invalid flags: \(flags)")
        }
        return false
    }

    private static func skipBuffer(
        _ input: inout StreamInput, _ what: String
    ) throws(SnapError) {
        let count = try input.integer(what, as: UInt64.self)
        guard count <= StreamLimits.memoryByteCountMax else {
            throw input.damage(
                "\(what) have \(count) bytes, expected at most "
                    + "\(StreamLimits.memoryByteCountMax)")
        }
        try input.skip(Int(count))
    }
}
