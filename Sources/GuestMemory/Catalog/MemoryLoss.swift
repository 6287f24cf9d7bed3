/// The pages of a RAM block that cannot be restored.
package struct MemoryLoss: Sendable, Equatable {
    /// The RAM block.
    package let ram: RAMBlock
    /// The number of lost pages.
    package let pageCount: Int
    /// The lost pages as runs, ascending; only the first runs if there are very many.
    package let pages: [Range<Int>]

    /// Creates a loss from its properties.
    package init(ram: RAMBlock, pageCount: Int, pages: [Range<Int>]) {
        self.ram = ram
        self.pageCount = pageCount
        self.pages = pages
    }

    /// Whether `pages` contains all lost pages.
    package var isListed: Bool { pages.reduce(0) { $0 + $1.count } == pageCount }

    /// The maximum number of listed runs, for all blocks together.
    ///
    /// A table that stands in many places can produce more runs than fit in memory.
    package static let runCountMax = 1 << 20
}
