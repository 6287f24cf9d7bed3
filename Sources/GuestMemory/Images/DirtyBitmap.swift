package import SnapSystem
package import SystemPackage

/// A bitmap of the pages of a RAM block that the guest wrote to since a point in time.
///
/// Page i is bit i % 8, from the lowest, of byte i / 8. This is KVM's layout (KVM_GET_DIRTY_LOG in
/// the kernel's virt/kvm/api.rst). The file is read in pieces, so that memory use does not grow
/// with it.
package struct DirtyBitmap: ~Copyable, Sendable {
    private let file: File
    private let pageCount: Int
    private let byteCount: Int
    private var piece: [UInt8] = []
    private var pieceOffset = 0

    private static let pieceByteCount = 1 << 16

    /// Opens a bitmap and checks that it fits its RAM block.
    ///
    /// - Parameters:
    ///   - path: The path of the bitmap.
    ///   - block: The RAM block that the bitmap describes.
    ///   - calls: The system calls to use.
    /// - Throws: `.notFound` or `.permission`; `.mismatch` if the bitmap's length is wrong or a bit
    ///   after the last page is set; `.inputOutput`.
    package init(
        _ path: FilePath, of block: RAMBlock, _ calls: SystemCalls
    ) throws(SnapError) {
        let file = try File(input: path, calls)
        let status = try file.status()
        let pageCount = block.pageCount
        let exact = (pageCount + 7) / 8
        let padded = (pageCount + 63) / 64 * 8
        guard status.byteCount == exact || status.byteCount == padded else {
            let expected = exact == padded ? "\(exact)" : "\(exact) or \(padded)"
            throw SnapError(
                .mismatch,
                "bitmap has \(status.byteCount) bytes, expected \(expected) for \(pageCount) pages",
                path: path)
        }
        let last = pageCount / 8
        let rest = try file.read(byteCount: status.byteCount - last, at: last)
        let used = UInt8(1 << (pageCount % 8) - 1)
        for (index, byte) in rest.enumerated() {
            let stray = index == 0 ? byte & ~used : byte
            guard stray == 0 else {
                throw SnapError(
                    .mismatch,
                    "bit \((last + index) * 8 + stray.trailingZeroBitCount) is set, expected none "
                        + "after page \(pageCount - 1)", path: path, offset: last + index)
            }
        }
        self.file = file
        self.pageCount = pageCount
        byteCount = status.byteCount
    }

    /// Finds the next unit with a dirty page.
    ///
    /// - Parameter first: The unit to start with. If units are passed in ascending order, the file
    ///   is read only once.
    /// - Returns: The unit and its dirty pages; nil if no unit from `first` on has any.
    /// - Throws: `.inputOutput` or `.interrupted`; `.inputDamaged` if the file has become shorter.
    package mutating func nextDirtyUnit(
        from first: Int
    ) throws(SnapError) -> (unit: Int, pages: PageSet)? {
        let unitByteCount = Unit.pageCount / 8
        var offset = first * unitByteCount
        while offset < byteCount {
            if !(pieceOffset..<pieceOffset + piece.count).contains(offset) {
                try readPiece(at: offset)
            }
            let start = offset - pieceOffset
            let bytes = piece[start..<min(start + unitByteCount, piece.count)]
            let unit = offset / unitByteCount
            // The file may have changed since it was checked.
            let pages = PageSet(bitmap: bytes, pageCount: pageCount - unit * Unit.pageCount)
            if !pages.isEmpty { return (unit, pages) }
            offset += unitByteCount
        }
        return nil
    }

    /// Reads a piece that starts with the bits of a unit.
    private mutating func readPiece(at offset: Int) throws(SnapError) {
        try Interruption.check()
        let wanted = min(Self.pieceByteCount, byteCount - offset)
        let bytes = try file.read(byteCount: wanted, at: offset)
        guard bytes.count == wanted else {
            throw SnapError(
                .inputDamaged,
                "length is \(offset + bytes.count) bytes, expected \(byteCount)",
                path: file.path, offset: offset + bytes.count)
        }
        piece = bytes
        pieceOffset = offset
    }
}
