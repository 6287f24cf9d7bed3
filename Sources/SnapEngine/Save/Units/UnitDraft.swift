import GuestMemory
import SavevmFormat

/// What a save has found out about a unit so far.
struct UnitDraft {
    /// A page to be stored.
    struct Page {
        /// Which page of the unit.
        let page: Int
        let digest: Hash128
        /// The literal page behind the same place in the parent.
        let base: Location?
        /// Whether it is the parent's, stored again because its file was evicted.
        let isMoved: Bool
    }

    let unit: ImageUnit
    /// Where the parent's pages are; empty if it has none.
    let parentLocations: [Location]
    var entries: [Location]
    var tally = PageTally()
    /// The pages to be stored, ascending.
    var pages: [Page] = []
    var duplicates: [EncodedUnit.Duplicate] = []

    /// Begins with all pages that are looked at zero and the others as the unit says.
    init(_ unit: ImageUnit, parentLocations: [Location]) {
        self.unit = unit
        self.parentLocations = parentLocations
        entries =
            unit.rest == .parents ? parentLocations : Array(repeating: .zero, count: unit.pageCount)
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
    }

    /// Where the parent's page is stored; zero if it has none.
    func parentLocation(of page: Int) -> Location {
        parentLocations.isEmpty ? .zero : parentLocations[page]
    }

    /// Notes that a page that is looked at is not zero.
    mutating func noteData(_ page: Int) {
        tally.counts.zero -= 1
        if parentLocation(of: page) != .zero { tally.counts.becameZero -= 1 }
    }
}
