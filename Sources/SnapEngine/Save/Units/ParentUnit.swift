import GuestMemory
import SavevmFormat
import SnapSystem

/// The parent's pages of a unit: where they are stored, and which of them are damaged.
struct ParentUnit {
    /// The location of each page; empty if no parent's block matches, or if a table is damaged.
    let locations: [Location]
    /// The metadata of the pages that are compared or may have to be stored again; empty without
    /// locations.
    let metadata: [PageMetadata]
    /// The pages that cannot be read because of damage that is known.
    let damaged: PageSet
    /// Whether a table is damaged, so that the locations are not known.
    let isTableDamaged: Bool

    /// Creates the parent's part of a unit.
    init(
        locations: [Location] = [], metadata: [PageMetadata] = [], damaged: PageSet = PageSet(),
        isTableDamaged: Bool = false
    ) {
        self.locations = locations
        self.metadata = metadata
        self.damaged = damaged
        self.isTableDamaged = isTableDamaged
    }

    /// Whether a page of the image replaces a page of the parent that is or may be damaged.
    func isDamaged(_ page: Int) -> Bool { isTableDamaged || damaged.contains(page) }
}

extension ImageUnit {
    /// Returns the unit with the pages to read that the parent has lost.
    ///
    /// A clean page of a dirty bitmap is the parent's. If that is damaged, the image has the page.
    func reading(lostBy parent: ParentUnit) -> ImageUnit {
        guard rest == .parents else { return self }
        if parent.isTableDamaged { return with(pages: [0..<pageCount], rest: .zero) }
        if parent.damaged.isEmpty { return self }
        var all = parent.damaged
        for page in pages.joined() { all.insert(page) }
        return with(pages: all.runs, rest: rest)
    }

    private func with(pages: [Range<Int>], rest: Rest) -> ImageUnit {
        ImageUnit(
            blockIndex: blockIndex, index: index, ordinal: ordinal, pageCount: pageCount,
            pages: pages, rest: rest)
    }
}
