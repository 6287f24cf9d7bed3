import GuestMemory
import SavevmFormat
import SnapSystem

/// A unit of a stored RAM block.
struct StoredUnit: Sendable {
    /// The block it is of, and which of the blocks that is.
    let block: StoredBlock
    let blockIndex: Int
    /// Which unit of the block.
    let index: Int
    /// Where it belongs, in bytes from the start of the first block.
    let offset: Int

    /// Its pages: 512, or fewer at the block's end.
    var pageCount: Int { min(Unit.pageCount, block.block.pageCount - index * Unit.pageCount) }

    /// Where it ends, in bytes from the start of the first block.
    var end: Int { offset + pageCount * Page.byteCount }
}

/// Goes through the units of all blocks in order.
struct StoredUnitCursor: Sendable {
    private let blocks: [StoredBlock]
    private var blockIndex = 0
    private var index = 0
    private var blockOffset = 0

    init(_ blocks: [StoredBlock]) {
        self.blocks = blocks
    }

    /// The next unit; nil after the last.
    mutating func next() -> StoredUnit? {
        guard blockIndex < blocks.count else { return nil }
        let stored = blocks[blockIndex]
        let unit = StoredUnit(
            block: stored, blockIndex: blockIndex, index: index,
            offset: blockOffset + index * Unit.byteCount)
        move(to: index + 1)
        return unit
    }

    /// Goes on with another unit of the same block, or behind its last with the next block.
    ///
    /// - Parameter index: Which unit.
    mutating func move(to index: Int) {
        let block = blocks[blockIndex].block
        self.index = index
        if index >= block.unitCount {
            blockOffset += block.byteCount
            blockIndex += 1
            self.index = 0
        }
    }
}

/// Goes through the units of which anything is stored, in order: there may be few among very many.
struct DataUnitCursor: ~Copyable {
    private var units: StoredUnitCursor
    private let files: SavevmFiles
    private var tables: PageTableReader?
    private var blockIndex = -1

    init(_ blocks: [StoredBlock], _ files: SavevmFiles) {
        units = StoredUnitCursor(blocks)
        self.files = files
        tables = nil
    }

    /// The next unit; nil after the last.
    ///
    /// - Throws: `.damaged` and what else reading tables throws.
    mutating func next() throws(SnapError) -> StoredUnit? {
        while true {
            var ahead = units
            guard let unit = ahead.next() else { return nil }
            if blockIndex != unit.blockIndex {
                tables = PageTableReader(unit.block, files)
                blockIndex = unit.blockIndex
            }
            let stored = try tables?.storedUnit(from: unit.index)
            if stored == unit.index {
                units = ahead
                return unit
            }
            units.move(to: stored ?? unit.block.block.unitCount)
        }
    }
}
