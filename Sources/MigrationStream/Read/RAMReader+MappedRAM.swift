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
    /// Where the pages of a block are.
    private struct MappedPages {
        /// Which block.
        let block: Int
        /// Where its first page is in the stream.
        let offset: Int
        /// The run of data in the file in which, or before which, the last page was looked for.
        var data: Range<Int>

        /// Whether pages lie in a hole of the file, and so are zero.
        mutating func isHole(
            _ pages: ClosedRange<Int>, of byteCount: Int, in input: borrowing StreamInput
        ) -> Bool {
            let start = offset + pages.lowerBound * byteCount
            if start >= data.upperBound { data = input.data(from: start) ?? Int.max..<Int.max }
            return start + pages.count * byteCount <= data.lowerBound
        }
    }

    /// How much of a bitmap is read at once.
    private static let bitmapPieceByteCount = 1 << 16

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
        var pages = MappedPages(
            block: index, offset: firstPage, data: input.isSeekable ? 0..<0 : 0..<Int.max)
        try readMappedPages(&input, &pages, bitmapByteCount: bitmapByteCount)
        try input.skip(firstPage + block.byteCount - input.offset)
        // A clear bit is a zero page, sent like the others.
        noteAll(index)
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

    /// Reads a bitmap, and the pages that it says are there.
    ///
    /// In a file piece by piece, past its holes. In a pipe the pages come behind all of it.
    private mutating func readMappedPages(
        _ input: inout StreamInput, _ pages: inout MappedPages, bitmapByteCount: Int
    ) throws(SnapError) {
        let what = "bitmap of RAM block \(blocks[pages.block].name)"
        guard input.isSeekable else {
            let bits = try input.bytes(bitmapByteCount, what)
            return try readMappedPages(&input, &pages, bits: bits, from: 0)
        }
        let bitmap = input.offset..<input.offset + bitmapByteCount
        var place = bitmap.lowerBound
        while let data = input.data(from: place), data.lowerBound < bitmap.upperBound {
            place = data.lowerBound
            let byteCount = min(Self.bitmapPieceByteCount, bitmap.upperBound - place)
            input.move(to: place)
            let bits = try input.bytes(byteCount, what)
            try readMappedPages(
                &input, &pages, bits: bits, from: (place - bitmap.lowerBound) * 8)
            place += byteCount
        }
    }

    /// Reads the pages that some bits of a bitmap say are there.
    ///
    /// - Parameters:
    ///   - input: The stream.
    ///   - pages: Where the block's pages are.
    ///   - bits: The bits.
    ///   - first: The page of the first of them.
    private mutating func readMappedPages(
        _ input: inout StreamInput, _ pages: inout MappedPages, bits: [UInt8], from first: Int
    ) throws(SnapError) {
        let pageCount = blocks[pages.block].byteCount / pageByteCount
        for (index, byte) in bits.enumerated() where byte != 0 {
            let start = first + index * 8
            let last = start + 7 - byte.leadingZeroBitCount
            guard last < pageCount else {
                throw input.damage(
                    "bitmap of RAM block \(blocks[pages.block].name) has bit \(last) set, "
                        + "expected none behind \(pageCount - 1)")
            }
            if pages.isHole(start...last, of: pageByteCount, in: input) { continue }
            for page in start...last where byte >> (page - start) & 1 == 1 {
                let offset = page * pageByteCount
                try input.skip(pages.offset + offset - input.offset)
                try input.withBytes(pageByteCount, "mapped page") { (bytes) throws(SnapError) in
                    try stage?.write(bytes, block: pages.block, at: offset)
                }
            }
        }
    }
}
