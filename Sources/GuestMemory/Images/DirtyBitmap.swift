package import SnapSystem
package import SystemPackage

/// Which pages of a RAM block have been written to since a point in time, one bit a page.
///
/// Bit i of byte i/8 from the lowest is page i: KVM's layout (KVM_GET_DIRTY_LOG in the kernel's
/// virt/kvm/api.rst). The file is read piece by piece, so that a bitmap may be of any size.
package struct DirtyBitmap: ~Copyable, Sendable {
    private let file: File
    private let pageCount: Int
    private let byteCount: Int
    private var piece: [UInt8] = []
    private var pieceOffset = 0

    private static let pieceByteCount = 1 << 16

    /// Opens a bitmap and checks that it fits.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - block: The RAM block that it is of.
    ///   - calls: The system calls.
    /// - Throws: `.notFound` or `.permission`; `.mismatch` if its length is wrong or a bit behind
    ///   the last page is set; `.inputOutput`.
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
                        + "behind page \(pageCount - 1)", path: path, offset: last + index)
            }
        }
        self.file = file
        self.pageCount = pageCount
        byteCount = status.byteCount
    }

    /// The next unit with a dirty page.
    ///
    /// - Parameter first: The unit to look at first; ascending units are read once.
    /// - Returns: The unit and its dirty pages; nil if there is none.
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

    /// Reads a piece that begins with a unit.
    private mutating func readPiece(at offset: Int) throws(SnapError) {
        try Interruption.check()
        let wanted = min(Self.pieceByteCount, byteCount - offset)
        let bytes = try file.read(byteCount: wanted, at: offset)
        guard bytes.count == wanted else {
            throw SnapError(
                .inputDamaged,
                "ends at byte \(offset + bytes.count), had \(byteCount) when it was opened",
                path: file.path, offset: offset + bytes.count)
        }
        piece = bytes
        pieceOffset = offset
    }
}
