package import GuestMemory

/// A map of a checkpoint's memory: a row of cells for each RAM block.
package struct MemoryMap: Sendable {
    /// The map of a RAM block.
    package struct Block: Sendable {
        /// The RAM block that is mapped.
        package let ram: RAMBlock
        /// The number of pages per cell, a power of two; the last cell can have fewer.
        package let pagesPerCell: Int
        /// The page counts of each cell, in the order of addresses.
        package private(set) var cells: [PageStateCounts]

        /// Creates a map in which all pages are zero.
        init(_ ram: RAMBlock, cellCountMax: Int) {
            // A power of two makes each cell start at a round address.
            var pagesPerCell = 1
            while (ram.pageCount - 1) / pagesPerCell >= cellCountMax { pagesPerCell *= 2 }
            self.ram = ram
            self.pagesPerCell = pagesPerCell
            let count = (ram.pageCount - 1) / pagesPerCell + 1
            // Most pages of a large guest can be zero, so only stored pages are counted later.
            cells = (0..<count).map { index in
                var cell = PageStateCounts()
                cell[.zero] = min(pagesPerCell, ram.pageCount - index * pagesPerCell)
                return cell
            }
        }

        /// Adds the counts of stored pages that all lie in the cell of the given page.
        mutating func add(_ counts: PageStateCounts, at page: Int) {
            let cell = page / pagesPerCell
            cells[cell][.zero] -= counts.total
            cells[cell].add(counts)
        }
    }

    /// The checkpoint that is mapped.
    package let checkpoint: Checkpoint
    /// The maps of the RAM blocks, in the order of the block table.
    package let blocks: [Block]

    /// The counts of all pages of the checkpoint, by state.
    package var counts: PageStateCounts {
        var sum = PageStateCounts()
        for block in blocks { for cell in block.cells { sum.add(cell) } }
        return sum
    }
}
