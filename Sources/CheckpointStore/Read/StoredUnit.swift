import GuestMemory
package import SavevmFormat

/// A unit of a stored RAM block.
package struct StoredUnit: Sendable {
    /// The RAM block that contains the unit, and the block's index in the memory.
    package let block: StoredBlock
    package let blockIndex: Int
    /// The unit's index in its block.
    package let index: Int
    /// The start of the unit in the memory image, in bytes from the start of the first block.
    package let offset: Int

    /// The number of pages: 512, or fewer at the block's end.
    package var pageCount: Int { min(Unit.pageCount, block.ram.pageCount - index * Unit.pageCount) }

    /// The end of the unit in the memory image, in bytes from the start of the first block.
    package var end: Int { offset + pageCount * Page.byteCount }
}
