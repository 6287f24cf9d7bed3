import GuestMemory
import SavevmFormat
import SnapSystem

/// What checking all stored pages of a guest has found, and what of it each checkpoint reaches.
struct MemoryFindings: ~Copyable {
    /// What a table, and all under it, comes to.
    private struct Subtree {
        /// The files without which it cannot be restored.
        var numbers: Set<Int> = []
        var hasLosses = false
    }

    private var reading: TableReading
    private let damagedTables: [TablePlace: SnapError]
    private let lostPages: [Location: SnapError]
    private var subtrees: [TablePlace: Subtree]
    /// What cannot be read, and why; a place for each reason.
    let errors: [SnapError]

    /// - Parameters:
    ///   - units: What was found in the units.
    ///   - damagedTables: Tables that cannot be read.
    ///   - files: The files that tables may lie in.
    init(
        _ units: [UnitFindings], damagedTables: [TablePlace: SnapError], _ files: SavevmFiles
    ) {
        reading = TableReading(files)
        self.damagedTables = damagedTables
        lostPages = Dictionary(units.flatMap(\.lost)) { first, _ in first }
        errors = Array(damagedTables.values) + lostPages.values
        subtrees = Dictionary(minimumCapacity: units.count)
        for unit in units { subtrees[unit.place] = Subtree(numbers: unit.numbers) }
    }

    /// The files without which a block cannot be restored.
    ///
    /// - Parameter block: The block.
    /// - Throws: `.permission`, `.interrupted` or `.internalFailure`.
    mutating func numbers(for block: StoredBlock) throws(SnapError) -> Set<Int> {
        try subtree(block.rootPlace).numbers
    }

    /// The pages of a block that cannot be restored, as runs, ascending.
    ///
    /// - Parameter block: The block.
    /// - Throws: `.permission`, `.interrupted` or `.internalFailure`.
    mutating func losses(in block: StoredBlock) throws(SnapError) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        try collect(block.rootPlace, into: &runs)
        return runs
    }

    private mutating func subtree(_ place: TablePlace) throws(SnapError) -> Subtree {
        if place.location == .zero { return Subtree() }
        if damagedTables[place] != nil { return Subtree(hasLosses: true) }
        if place.level <= 1 {
            var found = subtrees[place] ?? Subtree()
            found.hasLosses =
                lostPages.isEmpty ? false : try !lostEntries(place).isEmpty
            return found
        }
        if let found = subtrees[place] { return found }
        var found = Subtree(numbers: try reading.numbers(place))
        for (entry, location) in try reading.entries(place).enumerated() {
            let child = try subtree(place.child(location, entry))
            found.numbers.formUnion(child.numbers)
            found.hasLosses = found.hasLosses || child.hasLosses
        }
        subtrees[place] = found
        return found
    }

    private mutating func collect(
        _ place: TablePlace, into runs: inout [Range<Int>]
    ) throws(SnapError) {
        guard try subtree(place).hasLosses else { return }
        if damagedTables[place] != nil {
            runs.append(joining: place.pages)
        } else if place.level <= 1 {
            let first = place.pages.lowerBound
            for page in try lostEntries(place) {
                runs.append(joining: first + page..<first + page + 1)
            }
        } else {
            for (entry, location) in try reading.entries(place).enumerated() {
                try collect(place.child(location, entry), into: &runs)
            }
        }
    }

    /// Which of the pages under a table of level 1 are lost.
    private mutating func lostEntries(_ place: TablePlace) throws(SnapError) -> [Int] {
        let locations = place.level == 0 ? [place.location] : try reading.entries(place)
        return locations.indices.filter { lostPages[locations[$0]] != nil }
    }
}

extension [Range<Int>] {
    /// Adds a run behind all others, as part of the last one where they touch.
    fileprivate mutating func append(joining run: Range<Int>) {
        if let last, last.upperBound == run.lowerBound {
            self[count - 1] = last.lowerBound..<run.upperBound
        } else {
            append(run)
        }
    }
}
