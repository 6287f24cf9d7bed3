import GuestMemory
import SavevmFormat
import SnapSystem

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

    init(_ unit: ImageUnit, _ content: Content, _ tally: PageTally) {
        blockIndex = unit.blockIndex
        ordinal = unit.ordinal
        self.content = content
        self.tally = tally
    }
}

/// What became of pages that were looked at.
struct PageTally: Sendable {
    /// By kind.
    var counts = PageCounts()
    /// How many of them are zero in the parent.
    var parentZero = 0

    mutating func add(_ other: PageTally) {
        counts.add(other.counts)
        parentZero += other.parentZero
    }
}

/// What a save has found out about a unit so far.
struct UnitDraft {
    /// A page to be stored.
    struct Page {
        /// Which page of the unit.
        let page: Int
        let digest: Hash128
        /// The literal page behind the same place in the parent.
        let base: Location?
        /// Whether it is the parent's, stored anew to let go of an old file.
        let isMoved: Bool
    }

    let unit: ImageUnit
    /// Where the parent's pages are; empty if it has none.
    let theirs: [Location]
    var entries: [Location]
    var tally = PageTally()
    /// The pages to be stored, ascending.
    var pages: [Page] = []
    var duplicates: [EncodedUnit.Duplicate] = []

    /// Begins with all pages that are looked at zero and the others as the unit says.
    init(_ unit: ImageUnit, theirs: [Location]) {
        self.unit = unit
        self.theirs = theirs
        entries = unit.rest == .parents ? theirs : Array(repeating: .zero, count: unit.pageCount)
        for run in unit.rest == .zero ? [0..<unit.pageCount] : unit.pages {
            tally.counts.zero += run.count
            for page in run {
                entries[page] = .zero
                if their(page) == .zero {
                    tally.parentZero += 1
                } else {
                    tally.counts.becameZero += 1
                }
            }
        }
    }

    /// Where the parent's page is stored; zero if it has none.
    func their(_ page: Int) -> Location { theirs.isEmpty ? .zero : theirs[page] }

    /// Notes that a page that is looked at is not zero.
    mutating func noteData(_ page: Int) {
        tally.counts.zero -= 1
        if their(page) != .zero { tally.counts.becameZero -= 1 }
    }
}
