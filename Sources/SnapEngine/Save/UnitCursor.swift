import GuestMemory
import SnapSystem

/// A unit of a memory image, and where in it there is data.
struct ImageUnit: Sendable {
    /// Which unit of the block.
    let index: Int
    /// Where it is, in bytes from the image's start.
    let bytes: Range<Int>
    /// Runs of whole pages outside of which it is a hole, in bytes from the image's start.
    let dataRuns: [Range<Int>]

    /// Its pages: 512, or fewer at the block's end.
    var pageCount: Int { bytes.count / Page.byteCount }
}

/// Goes through the units of a memory image in order.
struct UnitCursor: Sendable {
    private let block: RAMBlock
    private var index = 0
    private var data = DataCursor()

    init(_ block: RAMBlock) {
        self.block = block
    }

    /// The next unit; nil after the last.
    mutating func next(_ image: borrowing MemoryImage) throws(SnapError) -> ImageUnit? {
        guard index < block.unitCount else { return nil }
        let start = index * Unit.byteCount
        let end = min(start + Unit.byteCount, block.byteCount)
        let runs = try image.dataRuns(advancing: &data, to: end)
        defer { index += 1 }
        return ImageUnit(index: index, bytes: start..<end, dataRuns: runs)
    }
}
