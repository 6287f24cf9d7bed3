import SavevmFormat

/// A unit of memory as it goes into a savevm file.
struct EncodedUnit: Sendable {
    /// What the unit's pages have become.
    enum Content: Sendable {
        /// Its table is stored already, or all its pages are zero.
        case stored(Location)
        /// A new table; of its entries those in `places` get locations in the group, slot by
        /// slot, and duplicates those of their originals, once group numbers are known.
        case changed(
            entries: [Location], group: EncodedGroup?, places: [Int], duplicates: [Duplicate])
    }

    /// A page with the content of one that the same save stores.
    struct Duplicate: Sendable {
        /// Which page of the unit.
        let page: Int
        /// The other one.
        let original: DuplicateFinder.Original
    }

    /// Which RAM block it is of.
    let blockIndex: Int
    /// Which of the units of all blocks.
    let ordinal: Int
    let content: Content
    let tally: PageTally

    init(of unit: ImageUnit, _ content: Content, _ tally: PageTally) {
        blockIndex = unit.blockIndex
        ordinal = unit.ordinal
        self.content = content
        self.tally = tally
    }
}
