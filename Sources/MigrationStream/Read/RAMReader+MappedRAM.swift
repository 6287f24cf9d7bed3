import GuestMemory
import SnapSystem

// In a mapped-ram stream, each block has this header. Its integers are big-endian, and its offsets
// count from the file's start (QEMU's docs/devel/migration/mapped-ram.rst):
//
//     OFFSET  SIZE  DESCRIPTION
//          0     4  version: 1
//          4     8  length of a page in bytes
//         12     8  offset of the bitmap
//         20     8  offset of the pages
//
// The bitmap has one bit per page: bit i%8 of byte i/8, counted from the least significant bit, is
// set if page i is not zero. Only the bitmap decides: if the bit is clear, the bytes at the page's
// place are left over from an earlier pass.

extension RAMReader {
    /// The places of a block's pages.
    private struct MappedPages {
        /// The block's index.
        let block: Int
        /// The offset of the block's first page in the stream, in bytes.
        let offset: Int
        /// The run of data in the file that contains the last examined page or is the next one
        /// after it.
        var data: Range<Int>

        /// Whether pages of `byteCount` bytes are in a hole of the file, and are therefore zero.
        mutating func isHole(
            _ pages: ClosedRange<Int>, of byteCount: Int, in input: borrowing StreamInput
        ) -> Bool {
            let start = offset + pages.lowerBound * byteCount
            if start >= data.upperBound { data = input.data(from: start) ?? Int.max..<Int.max }
            return start + pages.count * byteCount <= data.lowerBound
        }
    }

    /// The number of bytes of a bitmap that are read at a time.
    private static let bitmapPieceByteCount = 1 << 16

    /// Reads the header, the bitmap and the pages of the block that was listed last.
    mutating func readMapped(_ input: inout StreamInput) throws(SnapError) {
        let index = blocks.count - 1
        let block = blocks[index]
        let header = input.offset
        let version = try input.integer("version of mapped-ram", as: UInt32.self)
        guard version == 1 else {
            throw input.unsupported("mapped-ram version is \(version), expected 1", at: header)
        }
        let size = try input.integer("page size of mapped-ram", as: UInt64.self)
        let bitmapOffset = try input.integer("offset of the bitmap", as: UInt64.self)
        let pagesOffset = try input.integer("offset of the pages", as: UInt64.self)
        guard size == UInt64(pageByteCount) else {
            throw input.damage(
                "mapped-ram has pages of \(size) bytes, expected \(pageByteCount)", at: header)
        }
        let pageCount = block.byteCount / pageByteCount
        let bitmapByteCount = (pageCount + 63) / 64 * 8
        guard bitmapByteCount <= StreamLimits.bitmapByteCountMax else {
            throw input.unsupported(
                "bitmap of RAM block \(block.name) has \(bitmapByteCount) bytes, expected at "
                    + "most \(StreamLimits.bitmapByteCountMax)", at: header)
        }
        if mappedOrigin == nil {
            mappedOrigin =
                input.startInFile
                ?? Self.origin(
                    of: input.offset, bitmap: bitmapOffset, bitmapByteCount: bitmapByteCount,
                    pages: pagesOffset)
        }
        // A pipe cannot be read backward, so the bitmap must precede the pages.
        let origin = UInt64(mappedOrigin ?? 0)
        let limit = UInt64(StreamLimits.memoryByteCountMax) * 2
        guard bitmapOffset >= origin + UInt64(input.offset), bitmapOffset < limit,
            pagesOffset >= bitmapOffset + UInt64(bitmapByteCount), pagesOffset < limit
        else {
            throw input.damage(
                "RAM block \(block.name) has its bitmap at \(bitmapOffset) and its pages at "
                    + "\(pagesOffset), expected both in this order after "
                    + "\(origin + UInt64(input.offset))", at: header)
        }
        let firstPage = Int(pagesOffset - origin)
        try input.skip(Int(bitmapOffset - origin) - input.offset)
        var pages = MappedPages(
            block: index, offset: firstPage, data: input.isSeekable ? 0..<0 : 0..<Int.max)
        try readMappedPages(&input, &pages, bitmapByteCount: bitmapByteCount)
        try input.skip(firstPage + block.byteCount - input.offset)
        // A page whose bit is clear has been sent too: as a zero page.
        markAllSent(index)
    }

    /// Finds the offset in its file at which the stream starts.
    ///
    /// QEMU counts offsets from the file's start, but can leave room before the stream
    /// (`file:PATH,offset=N`, libvirt's format `sparse`). The first bitmap directly follows its
    /// header, and the pages start at the next multiple of 1 MiB in the file. If the offsets do not
    /// satisfy both conditions, the stream is assumed to start at offset 0.
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

    /// Reads a bitmap and the pages whose bits are set.
    ///
    /// In a file, the bitmap is read piece by piece, without its holes. In a pipe, the pages follow
    /// the complete bitmap.
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

    /// Reads the pages whose bits are set in a part of a bitmap.
    ///
    /// - Parameters:
    ///   - input: The stream.
    ///   - pages: The places of the block's pages.
    ///   - bits: The part of the bitmap.
    ///   - first: The number of the page of the part's first bit.
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
                        + "expected none after \(pageCount - 1)")
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
