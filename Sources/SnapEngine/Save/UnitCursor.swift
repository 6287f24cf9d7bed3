import GuestMemory
import SnapSystem

/// A unit of a memory image, and which of its pages are to be looked at.
struct ImageUnit: Sendable {
    /// What the pages are that are not looked at.
    enum Rest: Sendable {
        /// Zero: they lie in holes of the image.
        case zero
        /// The parent's: a dirty bitmap says so.
        case parents
    }

    /// Which unit of the block.
    let index: Int
    /// Its pages: 512, or fewer at the block's end.
    let pageCount: Int
    /// Runs of pages to look at, ascending, counted from the unit's first.
    let pages: [Range<Int>]
    /// What the other pages are.
    let rest: Rest

    /// Where a page is, in bytes from the image's start.
    func offset(ofPage page: Int) -> Int { index * Unit.byteCount + page * Page.byteCount }
}

/// Goes through the units of a memory image in order, past those that nothing can have changed in.
struct UnitCursor: ~Copyable, Sendable {
    private let block: RAMBlock
    private var index = 0
    private var data = DataCursor()
    private var bitmap: DirtyBitmap?
    /// The next dirty unit, where clean ones before it are still to be handed out.
    private var ahead: (unit: Int, pages: PageSet)?
    private var isBitmapDone = false
    private let skipsCleanUnits: Bool

    /// - Parameters:
    ///   - block: The RAM block.
    ///   - bitmap: Which pages are dirty; nil to look at all data.
    ///   - skipsCleanUnits: Whether units without a dirty page are passed by.
    init(_ block: RAMBlock, _ bitmap: consuming DirtyBitmap?, skipsCleanUnits: Bool) {
        self.block = block
        self.bitmap = bitmap
        self.skipsCleanUnits = skipsCleanUnits
    }

    /// The next unit; nil after the last.
    mutating func next(_ image: borrowing MemoryImage) throws(SnapError) -> ImageUnit? {
        guard index < block.unitCount else { return nil }
        let unit = try bitmap == nil ? dataUnit(image) : dirtyUnit()
        index = unit.map { $0.index + 1 } ?? block.unitCount
        return unit
    }

    private func pageCount(ofUnit index: Int) -> Int {
        min(Unit.pageCount, block.pageCount - index * Unit.pageCount)
    }

    private mutating func dataUnit(
        _ image: borrowing MemoryImage
    ) throws(SnapError) -> ImageUnit {
        let start = index * Unit.byteCount
        let pageCount = pageCount(ofUnit: index)
        let runs = try image.dataRuns(
            advancing: &data, to: start + pageCount * Page.byteCount)
        return ImageUnit(
            index: index, pageCount: pageCount,
            pages: runs.map { run in
                let first = (run.lowerBound - start) / Page.byteCount
                return first..<first + run.count / Page.byteCount
            }, rest: .zero)
    }

    private mutating func dirtyUnit() throws(SnapError) -> ImageUnit? {
        if ahead == nil && !isBitmapDone {
            ahead = try bitmap?.nextDirtyUnit(from: index)
            isBitmapDone = ahead == nil
        }
        guard let unit = skipsCleanUnits ? ahead?.unit : index else { return nil }
        var pages = PageSet()
        if let dirty = ahead, dirty.unit == unit {
            pages = dirty.pages
            ahead = nil
        }
        return ImageUnit(
            index: unit, pageCount: pageCount(ofUnit: unit), pages: pages.runs, rest: .parents)
    }
}
