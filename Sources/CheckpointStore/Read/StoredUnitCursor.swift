import GuestMemory
package import SavevmFormat
import SnapSystem
import WorkPipeline

/// Iterates over the units of all blocks in order.
package struct StoredUnitCursor: Sendable, WorkSource {
    private let blocks: [StoredBlock]
    private var blockIndex = 0
    private var index = 0
    private var blockOffset = 0

    /// Creates a cursor before the first unit.
    ///
    /// - Parameter blocks: The RAM blocks, in the order of the block table.
    package init(_ blocks: [StoredBlock]) {
        self.blocks = blocks
    }

    /// Advances to the next unit.
    ///
    /// - Returns: The unit; nil after the last.
    package mutating func next() -> StoredUnit? {
        guard blockIndex < blocks.count else { return nil }
        let stored = blocks[blockIndex]
        let unit = StoredUnit(
            block: stored, blockIndex: blockIndex, index: index,
            offset: blockOffset + index * Unit.byteCount)
        move(to: index + 1)
        return unit
    }

    /// Moves to another unit of the same block, or to the next block if the index is past the end.
    ///
    /// - Parameter index: The index of the unit that `next` returns next.
    package mutating func move(to index: Int) {
        let block = blocks[blockIndex].ram
        self.index = index
        if index >= block.unitCount {
            blockOffset += block.byteCount
            blockIndex += 1
            self.index = 0
        }
    }
}
