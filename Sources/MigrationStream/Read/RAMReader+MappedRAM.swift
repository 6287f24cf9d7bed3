import GuestMemory
import SnapSystem

// Layout, big-endian but for the bitmap, offsets from the file's start (QEMU's
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
        guard size == UInt64(pageByteCount) else {
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
        if mappedOrigin == nil {
            mappedOrigin = Self.origin(
                of: input.offset, bitmap: bitmapOffset, bitmapByteCount: bitmapByteCount,
                pages: pagesOffset)
        }
        // What comes first is read first: a pipe has no way back.
        let origin = UInt64(mappedOrigin ?? 0)
        let limit = UInt64(StreamLimits.memoryByteCountMax) * 2
        guard bitmapOffset >= origin + UInt64(input.offset), bitmapOffset < limit,
            pagesOffset >= bitmapOffset + UInt64(bitmapByteCount), pagesOffset < limit
        else {
            throw input.damage(
                "RAM block \(block.name) has its bitmap at \(bitmapOffset) and its pages at "
                    + "\(pagesOffset), expected both in this order behind "
                    + "\(origin + UInt64(input.offset))", at: header)
        }
        let firstPage = Int(pagesOffset - origin)
        try input.skip(Int(bitmapOffset - origin) - input.offset)
        let bitmap = try input.bytes(bitmapByteCount, "bitmap of RAM block \(block.name)")
        try readMappedPages(&input, of: index, bitmap: bitmap, from: firstPage)
        try input.skip(firstPage + block.byteCount - input.offset)
        // A clear bit is a zero page, sent like the others.
        note(index, at: 0, byteCount: block.byteCount)
    }

    /// Where in its file the stream begins: QEMU counts offsets from the file's start, and was told
    /// to leave room before the stream (`file:PATH,offset=N`, libvirt's format `sparse`).
    ///
    /// The first bitmap follows its header at once, and the pages begin at the next MiB of the
    /// file. Unless both are so, the stream is taken to begin where the file does.
    private static func origin(
        of place: Int, bitmap bitmapOffset: UInt64, bitmapByteCount: Int,
        pages pagesOffset: UInt64
    ) -> Int {
        let alignment: UInt64 = 1 << 20
        guard bitmapOffset > UInt64(place), bitmapOffset < 1 << 62, pagesOffset < 1 << 62,
            pagesOffset % alignment == 0, pagesOffset >= bitmapOffset + UInt64(bitmapByteCount),
            pagesOffset - bitmapOffset - UInt64(bitmapByteCount) < alignment
        else { return 0 }
        return Int(bitmapOffset) - place
    }

    private mutating func readMappedPages(
        _ input: inout StreamInput, of index: Int, bitmap: [UInt8], from pagesOffset: Int
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
    }
}
