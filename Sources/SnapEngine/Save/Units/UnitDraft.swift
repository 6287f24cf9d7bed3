import GuestMemory
import SavevmFormat

/// The state of a unit while a save classifies its pages.
struct UnitDraft {
    /// A page to store.
    struct Page {
        /// The page's index in the unit.
        let page: Int
        let digest: Hash128
        /// The location of the base for a delta: the parent's page at this place, or that page's
        /// own base; nil if the parent stores no page here.
        let base: Location?
        /// Whether the page is unchanged and stored again because its file, or its base's, is
        /// evicted.
        let isMoved: Bool
    }

    let unit: ImageUnit
    /// The parent's pages of this unit.
    let parent: ParentUnit
    var entries: [Location]
    var tally = PageTally()
    /// The pages to store, ascending.
    var pages: [Page] = []
    var duplicates: [EncodedUnit.Duplicate] = []

    /// Creates a draft in which all pages to read are zero and the others have the unit's `rest`.
    init(_ unit: ImageUnit, _ parent: ParentUnit) {
        self.unit = unit
        self.parent = parent
        entries =
            unit.rest == .parents
            ? parent.locations : Array(repeating: .zero, count: unit.pageCount)
        for run in unit.rest == .zero ? [0..<unit.pageCount] : unit.pages {
            tally.counts.zero += run.count
            for page in run {
                entries[page] = .zero
                if parentLocation(of: page) == .zero {
                    tally.parentZero += 1
                } else {
                    tally.counts.becameZero += 1
                }
            }
        }
        if unit.rest == .parents {
            let zero = parent.locations.prefix(unit.pageCount).count { $0 == .zero }
            tally.cleanZero = zero - tally.parentZero
        }
        if parent.isTableDamaged {
            tally.hasUnknownParent = true
            tally.parentZero = 0
        }
    }

    /// Returns the location of the parent's page; zero without a parent's block.
    func parentLocation(of page: Int) -> Location {
        parent.locations.isEmpty ? .zero : parent.locations[page]
    }

    /// Records that a page that was read is not zero.
    mutating func recordData(_ page: Int) {
        tally.counts.zero -= 1
        if parentLocation(of: page) != .zero { tally.counts.becameZero -= 1 }
    }
}
