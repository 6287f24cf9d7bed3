import GuestMemory
import SavevmFormat
import SnapSystem

/// The damage found in all stored pages of a guest, and its effect on each checkpoint.
struct MemoryFindings: ~Copyable {
    /// The findings in a table and everything under it.
    private struct Total {
        /// The numbers of the files that are needed to restore the pages.
        var numbers = FileNumbers()
        /// The number of lost pages; nil until they have been counted.
        var lostCount: Int?
    }

    /// The maximum number of listed runs of lost pages per block.
    private static let runCountMax = 4096

    private var reader: TableReader
    private var damagedTables: [StoredSubtree: SnapError] = [:]
    private var lostPages: Set<Location> = []
    private var totals: [StoredSubtree: Total] = [:]
    private var runsLeft = MemoryLoss.runCountMax
    /// The errors that made pages or tables unreadable, by their text: all pages of a damaged
    /// cluster have the same error.
    private var reasons: [String: SnapError] = [:]
    /// The damaged parts that were found.
    private(set) var parts: [FoundDamage] = []
    /// The damaged parts that were known before; pages in them are lost, too.
    private let known: StoredParts
    private var pages: PageReader
    /// The number of stored pages that were checked.
    private(set) var checkedPageCount = 0

    /// Creates findings without any damage, or with damage that is known.
    ///
    /// - Parameters:
    ///   - files: The files that the tables and pages can lie in.
    ///   - known: The damaged parts that were found before.
    init(_ files: SavevmFiles, known: StoredParts = StoredParts()) {
        reader = TableReader(files)
        pages = PageReader(files)
        self.known = known
    }

    /// Adds a table that cannot be read.
    ///
    /// - Parameters:
    ///   - table: The table; all pages under it are lost.
    ///   - error: The error that made it unreadable.
    ///   - part: The damaged part.
    mutating func add(damaged table: StoredSubtree, _ error: SnapError, in part: FoundDamage) {
        damagedTables[table] = error
        reasons[error.description] = error
        parts.append(part)
    }

    /// Adds the findings in a unit.
    ///
    /// - Parameter unit: The findings to add.
    mutating func add(_ unit: UnitFindings) {
        checkedPageCount += unit.checkedCount
        totals[unit.subtree] = Total(numbers: unit.numbers)
        lostPages.formUnion(unit.lost.locations)
        for error in unit.lost.errors { reasons[error.description] = error }
        parts += unit.lost.parts
    }

    /// The errors that made pages or tables unreadable, each once.
    var errors: [SnapError] { Array(reasons.values) }

    /// Finds the numbers of the files that are needed to restore a block.
    ///
    /// - Parameter block: The RAM block of a checkpoint.
    /// - Throws: `.permission`, `.inputOutput`, `.interrupted` or `.internalFailure`.
    mutating func numbers(for block: StoredBlock) throws(SnapError) -> [Int] {
        try total(block.rootPlace).numbers.numbers.map { Int($0) }
    }

    /// Finds the pages of a block that cannot be restored; returns nil if all can.
    ///
    /// - Parameter block: The RAM block of a checkpoint.
    /// - Throws: `.permission`, `.inputOutput`, `.interrupted` or `.internalFailure`.
    mutating func losses(in block: StoredBlock) throws(SnapError) -> MemoryLoss? {
        if lostPages.isEmpty && damagedTables.isEmpty && known.isEmpty { return nil }
        let count = try total(block.rootPlace).lostCount ?? 0
        if count == 0 { return nil }
        var runs: [Range<Int>] = []
        let countMax = max(1, min(Self.runCountMax, runsLeft))
        try collect(block.rootPlace, into: &runs, countMax: countMax)
        runsLeft -= min(runsLeft, runs.count)
        return MemoryLoss(
            ram: block.ram, pageCount: count, pages: Array(runs.prefix(countMax)))
    }

    private mutating func total(_ place: TablePlace) throws(SnapError) -> Total {
        if place.location == .zero { return Total(lostCount: 0) }
        let subtree = place.subtree
        if damagedTables[subtree] != nil { return Total(lostCount: subtree.pageCount) }
        var total = totals[subtree] ?? Total()
        if total.lostCount != nil { return total }
        try Interruption.check()
        if try isKnownDamage(place) {
            total.lostCount = subtree.pageCount
        } else if place.level <= 1 {
            let isIntact = lostPages.isEmpty && known.isEmpty
            total.lostCount = isIntact ? 0 : try lostEntries(place).count
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

    /// Collects runs of lost pages until there are more than `countMax`.
    ///
    /// A table whose pages are all lost adds a single run.
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

    /// Whether the damage that was known makes a table unreadable.
    private mutating func isKnownDamage(_ place: TablePlace) throws(SnapError) -> Bool {
        if known.isEmpty || place.level == 0 { return false }
        if known.contains(place.location) { return true }
        do throws(SnapError) { _ = try reader.entries(place) } catch {
            guard error.isDamage else { throw error }
            return true
        }
        return false
    }

    /// Returns the indices of the lost pages under a table of level 1.
    private mutating func lostEntries(_ place: TablePlace) throws(SnapError) -> [Int] {
        let locations = place.level == 0 ? [place.location] : try reader.entries(place)
        var isLost = locations.map { lostPages.contains($0) || known.contains($0) }
        if !known.isEmpty {
            for (entry, page) in try pages.readableMetadata(at: locations, level: 0).enumerated()
            where locations[entry] != .zero {
                isLost[entry] =
                    isLost[entry] || page.map { known.contains($0.base ?? .zero) } ?? true
            }
        }
        return locations.indices.filter { isLost[$0] }
    }
}
