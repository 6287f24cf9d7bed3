import GuestMemory
import SnapSystem
import SystemPackage

// Layout: savevm(5), "Group index". Blocks of 4096 bytes; the last one ends after its last entry:
//
//     OFFSET  SIZE  DESCRIPTION
//          0    16  checksum over 32 bytes (file id 16, generation 4, zero 4, block number 8)
//                   and the block's bytes from 16 on
//         16    16  reserved
//         32    32  an entry, up to 127 times:
//                       0     8  offset of the group's head; 0 if the group is absent, as all
//                                other fields
//                       8     4  length of the group's clusters together
//                      12     2  length of the group's head
//                      14     1  level of the group's pages
//                      15     1  reserved
//                      16    16  checksum of the group's head

/// The index of a file's groups, in blocks that can be read independently of each other.
enum GroupIndex {
    static let blockByteCount = 4096
    static let entriesPerBlock = 127
    private static let fixedByteCount = 32
    private static let entryByteCount = 32

    static func blockCount(groupCount: Int) -> Int {
        (groupCount + entriesPerBlock - 1) / entriesPerBlock
    }

    static func byteCount(groupCount: Int) -> Int {
        blockCount(groupCount: groupCount) * fixedByteCount + groupCount * entryByteCount
    }

    /// Encodes the index of a file.
    ///
    /// - Parameters:
    ///   - entries: The entry of each group; nil for an absent group.
    ///   - fileID: The file's id.
    ///   - generation: How often the file has been rewritten.
    /// - Returns: All blocks.
    static func encode(
        _ entries: [GroupEntry?], fileID: Identifier, generation: Int
    ) -> [UInt8] {
        var index: [UInt8] = []
        for block in 0..<blockCount(groupCount: entries.count) {
            let first = block * entriesPerBlock
            let last = min(first + entriesPerBlock, entries.count)
            var writer = ByteWriter(capacity: blockByteCount)
            writer.pad(to: fixedByteCount)
            for entry in entries[first..<last] {
                guard let entry else {
                    writer.append([UInt8](repeating: 0, count: entryByteCount))
                    continue
                }
                writer.append(UInt64(entry.offset))
                writer.append(UInt32(entry.clusterByteCount))
                writer.append(UInt16(entry.headByteCount))
                writer.append(UInt8(entry.level))
                writer.append(0 as UInt8)
                writer.append(entry.headChecksum)
            }
            var checksum = ByteWriter()
            checksum.append(
                Self.checksum(writer.bytes, block, fileID: fileID, generation: generation))
            index += checksum.bytes + writer.bytes.dropFirst(checksum.bytes.count)
        }
        return index
    }

    /// Decodes a block, and checks its checksum before its entries.
    ///
    /// - Parameters:
    ///   - bytes: The bytes of the block.
    ///   - block: The number of the block, from 0.
    ///   - offset: The offset of the block in the file.
    ///   - trailer: The file's trailer.
    ///   - path: The file's path, for messages.
    /// - Returns: The entries of the block; nil for an absent group.
    /// - Throws: `.damaged`.
    static func decode(
        _ bytes: [UInt8], block: Int, at offset: Int, _ trailer: Trailer, path: FilePath
    ) throws(SnapError) -> [GroupEntry?] {
        var reader = ByteReader(bytes, path: path, startOffset: offset)
        let expected = try reader.hash("group index block checksum")
        let found = checksum(
            bytes, block, fileID: trailer.checkpointID, generation: trailer.generation)
        guard found == expected else {
            throw reader.damage(
                "group index block \(block) checksum is \(found.hex), expected \(expected.hex)",
                bytesBack: Hash128.byteCount)
        }
        try reader.zeros(16, "group index block")
        let groupsEnd = trailer[.groupIndex].offset
        let count = min(entriesPerBlock, trailer.itemCount - block * entriesPerBlock)
        var entries: [GroupEntry?] = []
        for _ in 0..<count {
            let start = try reader.count("group offset", as: UInt64.self, in: 0...groupsEnd)
            let clusters = try reader.count(
                "group's length", as: UInt32.self, in: 0...groupsEnd - start)
            let head = try reader.count(
                "group head's length", as: UInt16.self, in: 0...Limits.groupHeadByteCountMax)
            let level = try reader.count("group level", as: UInt8.self, in: 0...Limits.levelMax)
            try reader.zeros(1, "group index entry")
            let checksum = try reader.hash("group head's checksum")
            if start == 0 {
                entries.append(nil)
                continue
            }
            guard start >= FileHeader.byteCount, head >= GroupHead.fixedByteCount,
                head + clusters <= groupsEnd - start
            else {
                throw reader.damage(
                    "group at \(start) does not fit between the header and \(groupsEnd)")
            }
            entries.append(
                GroupEntry(
                    offset: start, headByteCount: head, clusterByteCount: clusters, level: level,
                    headChecksum: checksum))
        }
        try reader.finish("group index block")
        return entries
    }

    private static func checksum(
        _ block: [UInt8], _ number: Int, fileID: Identifier, generation: Int
    ) -> Hash128 {
        var writer = ByteWriter(capacity: 32 + blockByteCount)
        writer.append(fileID)
        writer.append(UInt32(generation))
        writer.append(0 as UInt32)
        writer.append(UInt64(number))
        writer.append(Array(block.dropFirst(Hash128.byteCount)))
        return writer.bytes.withBytes { Hash128(checksumOf: $0) }
    }
}
