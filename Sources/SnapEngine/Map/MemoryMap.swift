package import GuestMemory

/// A checkpoint's memory as a row of cells.
package struct MemoryMap: Sendable {
    /// A RAM block of it.
    package struct Block: Sendable {
        /// The block.
        package let ram: RAMBlock
        /// How many pages a cell stands for; the last may stand for fewer.
        package let pagesPerCell: Int
        /// The cells, from the block's beginning.
        package private(set) var cells: [PageStateCounts]

        /// Begins with all pages zero.
        init(_ ram: RAMBlock, cellCountMax: Int) {
            // A power of two, so that cells begin at round addresses.
            var pagesPerCell = 1
            while (ram.pageCount - 1) / pagesPerCell >= cellCountMax { pagesPerCell *= 2 }
            self.ram = ram
            self.pagesPerCell = pagesPerCell
            let count = (ram.pageCount - 1) / pagesPerCell + 1
            // Zero until something is found: of most of a large guest nothing may be stored.
            cells = (0..<count).map { index in
                var cell = PageStateCounts()
                cell[.zero] = min(pagesPerCell, ram.pageCount - index * pagesPerCell)
                return cell
            }
        }

        /// Counts pages of which something is stored, all of one cell.
        mutating func add(_ counts: PageStateCounts, at page: Int) {
            let cell = page / pagesPerCell
            cells[cell][.zero] -= counts.total
            cells[cell].add(counts)
        }
    }

    /// The checkpoint.
    package let checkpoint: Checkpoint
    /// Its RAM blocks, in order.
    package let blocks: [Block]

    /// What became of all its pages.
    package var counts: PageStateCounts {
        var sum = PageStateCounts()
        for block in blocks { for cell in block.cells { sum.add(cell) } }
        return sum
    }
}
