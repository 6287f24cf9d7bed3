import GuestMemory

/// A unit of a RAM block, and which of its pages are to be looked at.
struct ImageUnit: Sendable {
    /// What the pages are that are not looked at.
    enum Rest: Sendable {
        /// Zero: they lie in holes of the image.
        case zero
        /// The parent's: a dirty bitmap says so.
        case parents
    }

    /// Which RAM block it is of.
    let blockIndex: Int
    /// Which unit of the block.
    let index: Int
    /// Which of the units of all blocks.
    let ordinal: Int
    /// Its pages: 512, or fewer at the block's end.
    let pageCount: Int
    /// Runs of pages to look at, ascending, counted from the unit's first.
    let pages: [Range<Int>]
    /// What the other pages are.
    let rest: Rest

    /// Where a page is, in bytes from the block's start.
    func offset(ofPage page: Int) -> Int { index * Unit.byteCount + page * Page.byteCount }
}
