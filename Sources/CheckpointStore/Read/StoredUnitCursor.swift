import GuestMemory
package import SavevmFormat
import SnapSystem
import WorkPipeline

/// Goes through the units of all blocks in order.
package struct StoredUnitCursor: Sendable, WorkSource {
    private let blocks: [StoredBlock]
    private var blockIndex = 0
    private var index = 0
    private var blockOffset = 0

    /// Begins before the first unit.
    ///
    /// - Parameter blocks: The RAM blocks, in order.
    package init(_ blocks: [StoredBlock]) {
        self.blocks = blocks
    }

    /// The next unit; nil after the last.
    package mutating func next() -> StoredUnit? {
        guard blockIndex < blocks.count else { return nil }
        let stored = blocks[blockIndex]
        let unit = StoredUnit(
            block: stored, blockIndex: blockIndex, index: index,
            offset: blockOffset + index * Unit.byteCount)
        move(to: index + 1)
        return unit
    }

    /// Moves to another unit of the same block, or past its last to the next block.
    ///
    /// - Parameter index: Which unit.
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
