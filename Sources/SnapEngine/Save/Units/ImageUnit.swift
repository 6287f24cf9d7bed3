import GuestMemory

/// A unit of a RAM block, and the pages of it that a save reads.
struct ImageUnit: Sendable {
    /// The content of the pages that are not read.
    enum Rest: Sendable {
        /// The other pages are zero, because they lie in holes of the image.
        case zero
        /// The other pages are the parent's, because a dirty bitmap marks them as clean.
        case parents
    }

    /// The index of the unit's RAM block.
    let blockIndex: Int
    /// The unit's index in its block.
    let index: Int
    /// The unit's ordinal among the units of all blocks.
    let ordinal: Int
    /// The number of pages: 512, or fewer at the block's end.
    let pageCount: Int
    /// The runs of pages to read, ascending, as indices in the unit.
    let pages: [Range<Int>]
    /// The content of the other pages.
    let rest: Rest

    /// Returns the offset of a page, in bytes from the block's start.
    func offset(ofPage page: Int) -> Int { index * Unit.byteCount + page * Page.byteCount }
}
