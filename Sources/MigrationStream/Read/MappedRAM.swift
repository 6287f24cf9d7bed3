import GuestMemory
import SnapSystem

// Layout, big-endian but for the bitmap, offsets from the stream's start (QEMU's
// docs/devel/migration/mapped-ram.rst):
//
//     OFFSET  SIZE  DESCRIPTION
//          0     4  version: 1
//          4     8  length of a page in bytes
//         12     8  offset of the bitmap
//         20     8  offset of the pages
//
// Bit i of byte i/8 from the lowest says whether page i is not zero. It alone says so: what is at
// the place of a page whose bit is clear is left from an earlier pass.

extension RAMReader {
    /// Reads the pages of the block that was listed last, at their places in the stream.
    mutating func readMapped(_ input: inout StreamInput) throws(SnapError) {
        let index = blocks.count - 1
        let block = blocks[index]
        let header = input.offset
        let version = try input.integer("version of mapped RAM", as: UInt32.self)
        guard version == 1 else {
            throw input.unsupported("mapped RAM has version \(version), expected 1", at: header)
        }
        let size = try input.integer("page size of mapped RAM", as: UInt64.self)
        let bitmapOffset = try input.integer("offset of the bitmap", as: UInt64.self)
        let pagesOffset = try input.integer("offset of the pages", as: UInt64.self)
        guard size == pageByteCount else {
            throw input.damage(
                "mapped RAM has pages of \(size) bytes, expected \(pageByteCount)", at: header)
        }
        let pageCount = block.byteCount / pageByteCount
        let bitmapByteCount = (pageCount + 63) / 64 * 8
        guard bitmapByteCount <= StreamLimits.bitmapByteCountMax else {
            throw input.unsupported(
                "bitmap of RAM block \(block.name) has \(bitmapByteCount) bytes, expected at "
                    + "most \(StreamLimits.bitmapByteCountMax)", at: header)
        }
        // What comes first is read first: a pipe has no way back.
        let limit = UInt64(StreamLimits.memoryByteCountMax) * 2
        guard bitmapOffset >= input.offset, bitmapOffset < limit,
            pagesOffset >= bitmapOffset + UInt64(bitmapByteCount), pagesOffset < limit
        else {
            throw input.damage(
                "RAM block \(block.name) has its bitmap at \(bitmapOffset) and its pages at "
                    + "\(pagesOffset), expected both in this order behind \(input.offset)",
                at: header)
        }
        try input.skip(Int(bitmapOffset) - input.offset)
        let bitmap = try input.bytes(bitmapByteCount, "bitmap of RAM block \(block.name)")
        try readMappedPages(&input, index, bitmap, from: Int(pagesOffset))
        try input.skip(Int(pagesOffset) + block.byteCount - input.offset)
    }

    private mutating func readMappedPages(
        _ input: inout StreamInput, _ index: Int, _ bitmap: [UInt8], from pagesOffset: Int
    ) throws(SnapError) {
        let pageCount = blocks[index].byteCount / pageByteCount
        for (byteIndex, byte) in bitmap.enumerated() where byte != 0 {
            for bit in 0..<8 where byte >> bit & 1 == 1 {
                let page = byteIndex * 8 + bit
                guard page < pageCount else {
                    throw input.damage(
                        "bitmap of RAM block \(blocks[index].name) has bit \(page) set, expected "
                            + "none behind \(pageCount - 1)")
                }
                let offset = page * pageByteCount
                try input.skip(pagesOffset + offset - input.offset)
                try input.withBytes(pageByteCount, "mapped page") { (bytes) throws(SnapError) in
                    try stage?.write(bytes, block: index, at: offset)
                }
            }
        }
        sentBlocks.insert(index)
    }
}
