import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem

/// Checks the stored pages of units.
///
/// Each worker has its own verifier.
struct UnitVerifier: ~Copyable {
    private let claimed: ClaimedPages
    private let isQuick: Bool
    private var reader: PageReader
    private var buffer = MemoryBuffer(byteCount: Unit.byteCount)

    /// Creates a verifier.
    ///
    /// - Parameters:
    ///   - files: The files that pages can lie in.
    ///   - claimed: The pages that workers have claimed so far; shared by all workers.
    ///   - isQuick: Whether only the checksums of clusters are compared and no page is decoded.
    init(_ files: SavevmFiles, _ claimed: ClaimedPages, isQuick: Bool) {
        self.claimed = claimed
        self.isQuick = isQuick
        reader = PageReader(files)
    }

    /// Checks a unit, or passes a damaged table on.
    ///
    /// - Parameter item: A unit, or a table that is known to be damaged.
    /// - Returns: The finding, which includes damage.
    /// - Throws: `.permission`, `.inputOutput`, `.interrupted` or `.internalFailure`.
    mutating func verify(_ item: TableCursor.Item) throws(SnapError) -> TableFinding {
        switch item {
        case .unit(let unit): .unit(try verify(unit))
        case .damagedTable(let table, let error):
            .damagedTable(
                table, error,
                try reader.part(ofLost: table.location, level: table.level, error))
        }
    }

    /// Checks the pages of a unit that no worker has claimed before.
    private mutating func verify(_ unit: TableUnit) throws(SnapError) -> UnitFindings {
        var numbers = unit.numbers
        for location in unit.locations where location != .zero { numbers.insert(location.number) }
        let pages = claimed.claim(unit.locations)
        var lost = LostPages()
        do throws(SnapError) {
            for known in try reader.metadata(at: unit.locations, level: 0, key: nil) {
                if let base = known.base { numbers.insert(base.number) }
            }
            try check(pages)
        } catch {
            guard error.isDamage else { throw error }
            lost = try lostPages(among: pages)
        }
        return UnitFindings(
            subtree: unit.place.subtree, numbers: FileNumbers(numbers), checkedCount: pages.count,
            lost: lost)
    }

    private mutating func check(_ pages: [Location]) throws(SnapError) {
        let requests = pages.enumerated().map { PageRequest($1, targetPage: $0) }
        if isQuick {
            try reader.checkClusters(of: requests, level: 0)
        } else {
            try reader.read(requests, level: 0, into: &buffer)
        }
    }

    /// Checks pages one by one to find those that cannot be read, and the reasons.
    private mutating func lostPages(
        among pages: [Location]
    ) throws(SnapError) -> LostPages {
        var lost = LostPages()
        for page in pages {
            do throws(SnapError) { try check([page]) } catch {
                guard error.isDamage else { throw error }
                lost.add(page, error, in: try reader.part(ofLost: page, level: 0, error))
            }
        }
        return lost
    }
}
