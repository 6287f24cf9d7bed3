package import GuestMemory
import SnapSystem

// Layout: savevm(5), "Block table".
//
//     SIZE  DESCRIPTION
//        4  block count; then for each block:
//     2 + n  name
//        8  length in bytes
//        1  1 if the guest-physical address is known, else 0
//        8  guest-physical address, or zero
//        8  location of the root of its page table
//        8  number of its pages that are zero

/// A RAM block of a checkpoint, and the root of its page table.
package struct StoredBlock: Sendable, Equatable {
    /// The RAM block.
    package let ram: RAMBlock
    /// The location of the root, through which a reader finds all other tables.
    package let root: Location
    /// The number of its pages that are zero.
    package let zeroPageCount: Int

    /// Creates a stored block from its properties.
    package init(ram: RAMBlock, root: Location, zeroPageCount: Int) {
        self.ram = ram
        self.root = root
        self.zeroPageCount = zeroPageCount
    }

    static func encode(_ blocks: [StoredBlock]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(blocks.count))
        for stored in blocks {
            writer.append(text: stored.ram.name)
            writer.append(UInt64(stored.ram.byteCount))
            writer.append(UInt8(stored.ram.guestPhysicalAddress == nil ? 0 : 1))
            writer.append(stored.ram.guestPhysicalAddress ?? 0)
            writer.append(stored.root.rawValue)
            writer.append(UInt64(stored.zeroPageCount))
        }
        return writer.bytes
    }

    static func decode(
        _ reader: inout ByteReader, number: Int
    ) throws(SnapError) -> [StoredBlock] {
        let count = try reader.count("block count", as: UInt32.self, in: 1...Limits.blockCountMax)
        var blocks: [StoredBlock] = []
        var left = Limits.memoryByteCountMax
        for _ in 0..<count {
            let name = try reader.text("block name")
            let byteCount = try reader.count(
                "block length", as: UInt64.self, in: Page.byteCount...Limits.blockByteCountMax)
            guard byteCount % Page.byteCount == 0 else {
                throw reader.damage("block length is \(byteCount), expected a multiple of a page")
            }
            left -= byteCount
            guard left >= 0 else {
                throw reader.damage(
                    "blocks together have more than \(Limits.memoryByteCountMax) bytes")
            }
            let hasAddress = try reader.count("address flag", as: UInt8.self, in: 0...1) == 1
            let address = try reader.integer("guest-physical address", as: UInt64.self)
            let root = Location(rawValue: try reader.integer("root"))
            guard root == .zero || (1...number).contains(root.number) else {
                throw reader.damage("root is in file \(root.number), expected 1 to \(number)")
            }
            let zeroPageCount = try reader.count(
                "count of zero pages", as: UInt64.self, in: 0...byteCount / Page.byteCount)
            blocks.append(
                StoredBlock(
                    ram: RAMBlock(
                        name: name, byteCount: byteCount,
                        guestPhysicalAddress: hasAddress ? address : nil), root: root,
                    zeroPageCount: zeroPageCount))
        }
        try reader.finish("block table")
        return blocks
    }
}

extension StoredBlock {
    /// The place of the block's root in its page table.
    package var rootPlace: TablePlace {
        TablePlace(
            location: root, level: PageTableShape(pageCount: ram.pageCount).depth, index: 0,
            pageCount: ram.pageCount)
    }
}
