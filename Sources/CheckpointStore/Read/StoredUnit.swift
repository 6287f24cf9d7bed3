import GuestMemory
package import SavevmFormat

/// A unit of a stored RAM block.
package struct StoredUnit: Sendable {
    /// The block it is of, and which of the blocks that is.
    package let block: StoredBlock
    package let blockIndex: Int
    /// Which unit of the block.
    package let index: Int
    /// Where it belongs, in bytes from the start of the first block.
    package let offset: Int

    /// Its pages: 512, or fewer at the block's end.
    package var pageCount: Int { min(Unit.pageCount, block.ram.pageCount - index * Unit.pageCount) }

    /// Where it ends, in bytes from the start of the first block.
    package var end: Int { offset + pageCount * Page.byteCount }
}
