import GuestMemory
import SavevmFormat
import SnapSystem

/// What checking all stored pages of a guest has found, and what of it each checkpoint reaches.
struct MemoryFindings: ~Copyable {
    /// What a table, and all under it, comes to.
    private struct Total {
        /// The files without which it cannot be restored.
        var numbers = FileNumbers()
        /// How many pages under it are lost; nil until that has been looked at.
        var lostCount: Int?
    }

    /// How many runs of lost pages are listed for a block, and for all together: tables that stand
    /// in several places can make more than fit in memory.
    private static let runCountMax = 4096
    private static let totalRunCountMax = 1 << 20

    private var reader: TableReader
    private var damagedTables: [StoredSubtree: SnapError] = [:]
    private var lostPages: Set<Location> = []
    private var totals: [StoredSubtree: Total] = [:]
    private var runsLeft = totalRunCountMax
    /// Why things cannot be read, by what there is to say: a damaged cluster has many pages.
    private var reasons: [String: SnapError] = [:]
    /// How many stored pages were checked.
    private(set) var checkedPageCount = 0

    /// - Parameter files: The files that tables may lie in.
    init(_ files: SavevmFiles) {
        reader = TableReader(files)
    }

    /// Takes a table that cannot be read.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - error: Why it cannot be read.
    mutating func add(damaged table: StoredSubtree, _ error: SnapError) {
        damagedTables[table] = error
        reasons[error.description] = error
    }

    /// Takes what was found in a unit.
    ///
    /// - Parameter unit: The findings.
    mutating func add(_ unit: UnitFindings) {
        checkedPageCount += unit.checkedCount
        totals[unit.subtree] = Total(numbers: unit.numbers)
        lostPages.formUnion(unit.lost)
        for error in unit.errors { reasons[error.description] = error }
    }

    /// What cannot be read, and why, each reason once.
    var errors: [SnapError] { Array(reasons.values) }

    /// The files without which a block cannot be restored.
    ///
    /// - Parameter block: The block.
    /// - Throws: `.permission`, `.inputOutput`, `.interrupted` or `.internalFailure`.
    mutating func numbers(for block: StoredBlock) throws(SnapError) -> [Int] {
        try total(block.rootPlace).numbers.numbers.map { Int($0) }
    }

    /// The pages of a block that cannot be restored; nil if all can.
    ///
    /// - Parameter block: The block.
    /// - Throws: `.permission`, `.inputOutput`, `.interrupted` or `.internalFailure`.
    mutating func losses(in block: StoredBlock) throws(SnapError) -> Verify.Losses? {
        if lostPages.isEmpty && damagedTables.isEmpty { return nil }
        let count = try total(block.rootPlace).lostCount ?? 0
        if count == 0 { return nil }
        var runs: [Range<Int>] = []
        let countMax = max(1, min(Self.runCountMax, runsLeft))
        try collect(block.rootPlace, into: &runs, countMax: countMax)
        runsLeft -= min(runsLeft, runs.count)
        return Verify.Losses(
            ram: block.ram, pageCount: count, pages: Array(runs.prefix(countMax)))
    }

    private mutating func total(_ place: TablePlace) throws(SnapError) -> Total {
        if place.location == .zero { return Total(lostCount: 0) }
        let subtree = place.subtree
        if damagedTables[subtree] != nil { return Total(lostCount: subtree.pageCount) }
        var total = totals[subtree] ?? Total()
        if total.lostCount != nil { return total }
        try Interruption.check()
        if place.level <= 1 {
            total.lostCount = lostPages.isEmpty ? 0 : try lostEntries(place).count
        } else {
            var numbers = try reader.numbers(place)
            var lostCount = 0
            for (entry, location) in try reader.entries(place).enumerated() {
                let child = try self.total(place.child(location, entry: entry))
                for number in child.numbers.numbers { numbers.insert(Int(number)) }
                lostCount += child.lostCount ?? 0
            }
            total = Total(numbers: FileNumbers(numbers), lostCount: lostCount)
        }
        totals[subtree] = total
        return total
    }

    /// Collects runs until there are more than `countMax`; what is lost as a whole is one.
    private mutating func collect(
        _ place: TablePlace, into runs: inout [Range<Int>], countMax: Int
    ) throws(SnapError) {
        let lostCount = try total(place).lostCount ?? 0
        guard lostCount > 0, runs.count <= countMax else { return }
        try Interruption.check()
        if lostCount == place.pages.count {
            runs.append(merging: place.pages)
        } else if place.level <= 1 {
            let first = place.pages.lowerBound
            for page in try lostEntries(place) {
                runs.append(merging: first + page..<first + page + 1)
            }
        } else {
            for (entry, location) in try reader.entries(place).enumerated() {
                try collect(
                    place.child(location, entry: entry), into: &runs, countMax: countMax)
            }
        }
    }

    /// Which of the pages under a table of level 1 are lost.
    private mutating func lostEntries(_ place: TablePlace) throws(SnapError) -> [Int] {
        let locations = place.level == 0 ? [place.location] : try reader.entries(place)
        return locations.indices.filter { lostPages.contains(locations[$0]) }
    }
}
