import GuestMemory
import SavevmFormat
import SnapSystem
import WorkPipeline

/// Iterates over the units of all RAM blocks that a save has to read, in order.
///
/// Skips units that a dirty bitmap marks as clean, unless files are evicted. Without a bitmap,
/// skips units that are holes of the image and zero in the parent, too.
struct ImageUnitCursor: ~Copyable, WorkSource {
    private let blocks: [PairedBlock]
    private let parentFiles: SavevmFiles?
    private let skipsCleanUnits: Bool
    private let deadline: ContinuousClock.Instant?
    private let calls: SystemCalls
    private var blockIndex = -1
    private var index = 0
    private var data = DataCursor()
    /// The tables of the parent's block that the current block is compared with.
    private var parentTables: PageTableWalker?
    private var bitmap: DirtyBitmap?
    /// The next dirty unit, kept while the cursor returns the clean units before it.
    private var ahead: (unit: Int, pages: PageSet)?
    private var isBitmapDone = false

    /// Creates a cursor before the first unit.
    ///
    /// - Parameters:
    ///   - blocks: The RAM blocks to save, each with the parent's block.
    ///   - parent: The parent; nil for a full checkpoint.
    ///   - deadline: The time after which `next` throws; nil for no limit.
    ///   - calls: The system calls for opening dirty bitmaps.
    init(
        _ blocks: [PairedBlock], comparedWith parent: ParentCheckpoint?,
        until deadline: ContinuousClock.Instant?, _ calls: SystemCalls
    ) {
        self.blocks = blocks
        parentFiles = parent?.files
        parentTables = nil
        skipsCleanUnits = !(parent?.examinesAll ?? false)
        self.deadline = deadline
        self.calls = calls
    }

    /// Advances to the next unit; returns nil after the last.
    ///
    /// - Throws: `.busy` after the deadline; `.notFound`, `.mismatch` or `.inputDamaged` for a
    ///   dirty bitmap; `.damaged` or `.unsupported` for the parent's files; `.permission`,
    ///   `.inputOutput` or `.interrupted`.
    mutating func next() throws(SnapError) -> ImageUnit? {
        if let deadline, ContinuousClock.now >= deadline {
            throw SnapError(
                .busy, "reading the RAM takes longer than the guest may be paused",
                path: blocks[max(blockIndex, 0)].image.path)
        }
        while true {
            if blockIndex >= 0, let unit = try nextOfBlock() { return unit }
            guard blockIndex + 1 < blocks.count else { return nil }
            blockIndex += 1
            index = 0
            data = DataCursor()
            ahead = nil
            isBitmapDone = false
            let block = blocks[blockIndex]
            parentTables = nil
            if let parentFiles, let parentBlock = block.parentBlock {
                parentTables = PageTableWalker(parentBlock, parentFiles)
            }
            bitmap = try block.dirtyBitmap.map { path throws(SnapError) in
                try DirtyBitmap(path, of: block.image.ram, calls)
            }
        }
    }

    private mutating func nextOfBlock() throws(SnapError) -> ImageUnit? {
        let unitCount = blocks[blockIndex].image.ram.unitCount
        if bitmap == nil && index < unitCount { try skipZeroUnits() }
        guard index < unitCount else { return nil }
        let unit = bitmap == nil ? dataUnit() : try dirtyUnit()
        index = unit.map { $0.index + 1 } ?? unitCount
        return unit
    }

    private mutating func skipZeroUnits() throws(SnapError) {
        let block = blocks[blockIndex]
        let next = block.image.nextData(from: &data)
        guard next >= (index + 1) * Unit.byteCount || next == block.image.ram.byteCount else {
            return
        }
        let unitCount = block.image.ram.unitCount
        let stored: Int
        do throws(SnapError) {
            stored = try parentTables?.storedUnit(from: index) ?? unitCount
        } catch {
            guard error.isDamage else { throw error }
            return
        }
        index = min(stored, next == block.image.ram.byteCount ? unitCount : next / Unit.byteCount)
        data.skip(to: index * Unit.byteCount)
    }

    private mutating func dataUnit() -> ImageUnit {
        let block = blocks[blockIndex]
        let start = index * Unit.byteCount
        let end = min(start + Unit.byteCount, block.image.ram.byteCount)
        let runs = block.image.dataRuns(advancing: &data, to: end)
        let pages = runs.map { run in
            let first = (run.lowerBound - start) / Page.byteCount
            return first..<first + run.count / Page.byteCount
        }
        return unit(index, pages, rest: .zero)
    }

    private mutating func dirtyUnit() throws(SnapError) -> ImageUnit? {
        if ahead == nil && !isBitmapDone {
            ahead = try bitmap?.nextDirtyUnit(from: index)
            isBitmapDone = ahead == nil
        }
        let unitCount = blocks[blockIndex].image.ram.unitCount
        var next = skipsCleanUnits ? ahead?.unit ?? unitCount : index
        // The pages of clean units whose tables are damaged are read from the image.
        next = try parentTables?.unreadableUnit(from: index, upTo: next) ?? next
        guard next < unitCount else { return nil }
        var pages = PageSet()
        if let dirty = ahead, dirty.unit == next {
            pages = dirty.pages
            ahead = nil
        }
        return unit(next, pages.runs, rest: .parents)
    }

    private func unit(_ index: Int, _ pages: [Range<Int>], rest: ImageUnit.Rest) -> ImageUnit {
        let block = blocks[blockIndex]
        return ImageUnit(
            blockIndex: blockIndex, index: index, ordinal: block.firstUnit + index,
            pageCount: min(Unit.pageCount, block.image.ram.pageCount - index * Unit.pageCount),
            pages: pages, rest: rest)
    }
}
