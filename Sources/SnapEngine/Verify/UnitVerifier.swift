import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization

/// The stored pages that somebody has checked or is checking.
final class ClaimedPages: Sendable {
    private let slots = Mutex<[UInt64: PageSet]>([:])

    /// Claims pages.
    ///
    /// - Parameter locations: Where they are stored.
    /// - Returns: Those that nobody had claimed before.
    func claim(_ locations: [Location]) -> [Location] {
        slots.withLock { slots in
            locations.filter { location in
                if location == .zero { return false }
                if slots[location.groupKey]?.contains(location.slot) ?? false { return false }
                slots[location.groupKey, default: PageSet()].insert(location.slot)
                return true
            }
        }
    }
}

/// What checking a unit has found.
struct UnitFindings: Sendable {
    /// The table over its pages.
    let subtree: StoredSubtree
    /// The files without which the unit cannot be restored.
    let numbers: FileNumbers
    /// How many pages were checked: those of them that no other unit had.
    let checkedCount: Int
    /// Pages that cannot be read.
    var lost: [Location] = []
    /// Why, each reason once.
    var errors: [SnapError] = []
}

/// Numbers of files, ascending: small, since there is one for each table of a history.
struct FileNumbers: Sendable, Equatable {
    private(set) var numbers: [Int32] = []

    /// Takes numbers in any order.
    init(_ numbers: Set<Int> = []) {
        self.numbers = numbers.sorted().map { Int32($0) }
    }
}

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

    /// Checks the pages of a unit that nobody has claimed.
    ///
    /// - Parameter unit: The unit.
    /// - Throws: `.permission`, `.interrupted` or `.internalFailure`; damage is a finding.
    mutating func verify(_ unit: TableUnit) throws(SnapError) -> UnitFindings {
        var numbers = unit.numbers
        for location in unit.locations where location != .zero { numbers.insert(location.number) }
        let pages = claimed.claim(unit.locations)
        var lost: [Location] = []
        var errors: [SnapError] = []
        do throws(SnapError) {
            for known in try reader.knownPages(at: unit.locations, level: 0, key: nil) {
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
