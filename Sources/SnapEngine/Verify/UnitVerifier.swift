import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem

/// Checks the stored pages of units.
///
/// A worker owns one.
struct UnitVerifier: ~Copyable {
    private let claimed: ClaimedPages
    private let isQuick: Bool
    private var reader: PageReader
    private var buffer = MemoryBuffer(byteCount: Unit.byteCount)

    /// - Parameters:
    ///   - files: The files that pages may lie in.
    ///   - claimed: The pages that are checked by now.
    ///   - isQuick: Whether clusters are checked, and pages not read.
    init(_ files: SavevmFiles, _ claimed: ClaimedPages, isQuick: Bool) {
        self.claimed = claimed
        self.isQuick = isQuick
        reader = PageReader(files)
    }

    /// Checks an item.
    ///
    /// - Parameter item: A unit, or a table that is known to be damaged.
    /// - Throws: `.permission`, `.interrupted` or `.internalFailure`; damage is a finding.
    mutating func verify(_ item: TableCursor.Item) throws(SnapError) -> TableFinding {
        switch item {
        case .unit(let unit): .unit(try verify(unit))
        case .damagedTable(let table, let error): .damagedTable(table, error)
        }
    }

    /// Checks the pages of a unit that no other unit had.
    private mutating func verify(_ unit: TableUnit) throws(SnapError) -> UnitFindings {
        var numbers = unit.numbers
        for location in unit.locations where location != .zero { numbers.insert(location.number) }
        let pages = claimed.claim(unit.locations)
        var lost: [Location] = []
        var errors: [SnapError] = []
        do throws(SnapError) {
            for known in try reader.metadata(at: unit.locations, level: 0, key: nil) {
                if let base = known.base { numbers.insert(base.number) }
            }
            try check(pages)
        } catch {
            guard error.isDamage else { throw error }
            (lost, errors) = try lostPages(among: pages)
        }
        return UnitFindings(
            subtree: unit.place.subtree, numbers: FileNumbers(numbers), checkedCount: pages.count,
            lost: lost, errors: errors)
    }

    private mutating func check(_ pages: [Location]) throws(SnapError) {
        let requests = pages.enumerated().map { PageRequest($1, targetPage: $0) }
        if isQuick {
            try reader.checkClusters(of: requests, level: 0)
        } else {
            try reader.read(requests, level: 0, into: &buffer)
        }
    }

    /// Finds out, one by one, which pages cannot be read, and why.
    private mutating func lostPages(
        among pages: [Location]
    ) throws(SnapError) -> (lost: [Location], errors: [SnapError]) {
        var lost: [Location] = []
        var errors: [SnapError] = []
        for page in pages {
            do throws(SnapError) { try check([page]) } catch {
                guard error.isDamage else { throw error }
                lost.append(page)
                // The pages of a cluster follow one another.
                if errors.last != error { errors.append(error) }
            }
        }
        return (lost, errors)
    }
}
