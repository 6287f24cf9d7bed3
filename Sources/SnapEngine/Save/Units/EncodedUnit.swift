import SavevmFormat

/// A unit of memory, encoded for a savevm file.
struct EncodedUnit: Sendable {
    /// The unit's table.
    enum Content: Sendable {
        /// The location of a table that is already stored, or zero if all pages are zero.
        case stored(Location)
        /// A new table.
        ///
        /// The assembler completes `entries` when group numbers are known. The entries at `places`
        /// get the slots of the group, in order. Duplicates get the locations of their originals.
        case changed(
            entries: [Location], group: EncodedGroup?, places: [Int], duplicates: [Duplicate])
    }

    /// A page with the same content as another page that this save stores.
    struct Duplicate: Sendable {
        /// The page's index in its unit.
        let page: Int
        /// The page that is stored.
        let original: DuplicateFinder.Original
    }

    /// The index of the unit's RAM block.
    let blockIndex: Int
    /// The unit's ordinal among the units of all blocks.
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
