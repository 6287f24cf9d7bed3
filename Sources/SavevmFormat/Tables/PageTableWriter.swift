package import Codecs
import GuestMemory
package import SnapSystem

/// A writer that builds a RAM block's page table bottom up, from units in ascending order.
///
/// Each table is a page of its level. The new tables directly under one table, up to 512, form a
/// group. If a table has the same entries as the parent's table at the same place, the parent's
/// table is shared. If it differs only slightly, it is stored as a delta. Each level has at most
/// one open group.
package struct PageTableWriter: ~Copyable {
    /// The page that an entry of a table refers to.
    package enum Child: Sendable {
        /// A page that is already stored, or the zero page.
        case stored(Location)
        /// A new table with these entries; for a block without tables, the location of its page.
        case table([Location])
    }

    /// A table that is being filled, and the new tables under it.
    private struct OpenTable {
        var index = 0
        var entries: [Location] = []
        var records: [Record] = []
        /// The encodings of the new tables, one after another.
        var encodings: [UInt8] = []
        /// The index of the entry for each new table.
        var places: [Int] = []
    }

    private let shape: PageTableShape
    private let digestKey: DigestKey
    private let unshared: StoredParts
    private let encoder: GroupEncoder
    private var parentTable: PageTableWalker?
    /// The open tables of the levels from 1.
    ///
    /// The first is never used, since the caller appends complete tables of level 1.
    private var open: [OpenTable]
    /// The location of the root, once all units have been appended.
    package private(set) var root = Location.zero
    private var basePage = MemoryBuffer(byteCount: Page.byteCount)

    /// The length of the longest delta of a table that is worth storing, in bytes.
    ///
    /// Tables compress to a fifth of their length, and a literal table keeps the deltas of later
    /// saves short.
    private static let deltaByteCountMax = Page.byteCount / 8

    /// The number of units that have been appended or shared.
    package private(set) var unitCount = 0

    /// Creates a writer that starts at the first unit.
    ///
    /// - Parameters:
    ///   - shape: The shape of the table.
    ///   - digestKey: The key of the new tables' digests.
    ///   - compression: The codec and the level of the new tables.
    ///   - parentTable: The parent's page table of the same shape; nil to share no tables.
    ///   - unshared: The parts whose tables must not be shared.
    /// - Throws: `.internalFailure` if the codec cannot be set up.
    package init(
        _ shape: PageTableShape, _ digestKey: DigestKey, compression: Compression,
        parentTable: consuming PageTableWalker?, unshared: StoredParts
    ) throws(SnapError) {
        encoder = try GroupEncoder(compression)
        self.shape = shape
        self.digestKey = digestKey
        self.parentTable = parentTable
        self.unshared = unshared
        open = Array(repeating: OpenTable(), count: shape.depth)
    }

    /// Appends the table of the next unit, or the only page of a block without tables.
    ///
    /// - Parameters:
    ///   - child: The table.
    ///   - file: The writer that new tables are appended to.
    /// - Throws: `.inputOutput`; `.damaged` if the parent's tables cannot be read.
    package mutating func append(
        _ child: Child, to file: inout SavevmWriter
    ) throws(SnapError) {
        let level = min(1, shape.depth)
        unitCount += 1
        try append(child, level: level, to: &file)
    }

    /// Shares the parent's tables of the units before a unit, in subtrees as large as possible.
    ///
    /// - Parameters:
    ///   - unit: The next unit that will be appended, or the number of units.
    ///   - file: The writer that new tables are appended to.
    /// - Throws: `.inputOutput`; `.damaged` if the parent's tables cannot be read.
    package mutating func share(
        upTo unit: Int, _ file: inout SavevmWriter
    ) throws(SnapError) {
        precondition(unshared.isEmpty)
        try appendSubtrees(upTo: unit, areParents: true, &file)
    }

    /// Appends zero pages for the units before a unit, in subtrees as large as possible.
    ///
    /// - Parameters:
    ///   - unit: The next unit that will be appended, or the number of units.
    ///   - file: The writer that new tables are appended to.
    /// - Throws: `.inputOutput`; `.damaged` if the parent's tables cannot be read.
    package mutating func appendZeros(
        upTo unit: Int, _ file: inout SavevmWriter
    ) throws(SnapError) {
        try appendSubtrees(upTo: unit, areParents: false, &file)
    }

    /// Appends the units before a unit, which are all shared with the parent or all zero.
    private mutating func appendSubtrees(
        upTo unit: Int, areParents: Bool, _ file: inout SavevmWriter
    ) throws(SnapError) {
        precondition(unit <= shape.unitCount)
        while unitCount < unit {
            try Interruption.check()
            let level = shape.subtreeLevel(atUnit: unitCount, upTo: unit)
            let index = shape.index(ofUnit: unitCount, level: level)
            var subtree = Location.zero
            if areParents {
                subtree = try parentTable?.location(level: level, index: index) ?? .zero
            }
            unitCount = min(unit, shape.firstUnit(level: level, index: index + 1))
            // The open tables below belong to the last subtree; they are closed and empty.
            for below in open.indices.prefix(level).dropFirst() {
                open[below].index = shape.index(ofUnit: unitCount, level: below + 1)
            }
            try append(.stored(subtree), level: level, to: &file)
        }
    }

    /// Appends a page of a level to the table above it, and closes the tables that are full.
    private mutating func append(
        _ child: Child, level: Int, to file: inout SavevmWriter
    ) throws(SnapError) {
        var child = child
        var level = level
        while level < shape.depth {
            try add(child, under: level + 1)
            let above = open[level]
            guard above.entries.count == shape.entryCount(level: level + 1, index: above.index)
            else { return }
            child = try close(level: level + 1, in: &file)
            level += 1
        }
        switch child {
        case .stored(let location): root = location
        case .table(let entries) where level == 0: root = entries[0]
        case .table(let entries):
            let (record, encoding) = try encode(entries, level: level, index: 0)
            let group = try file.append(encode([record], encoding, level: level))
            root = Location(number: file.number, group: group, slot: 0)
        }
    }

    private mutating func add(_ child: Child, under level: Int) throws(SnapError) {
        switch child {
        case .stored(let location):
            open[level - 1].entries.append(location)
        case .table(let entries):
            let place = open[level - 1].entries.count
            let index = open[level - 1].index * Unit.pageCount + place
            let (record, encoding) = try encode(entries, level: level - 1, index: index)
            open[level - 1].encodings += encoding
            open[level - 1].places.append(place)
            open[level - 1].entries.append(.zero)
            open[level - 1].records.append(record)
        }
    }

    /// Stores the new tables under a full table, and determines whether to share that table itself.
    private mutating func close(
        level: Int, in file: inout SavevmWriter
    ) throws(SnapError) -> Child {
        var closed = open[level - 1]
        open[level - 1] = OpenTable(index: closed.index + 1)
        if !closed.places.isEmpty {
            let group = try file.append(
                encode(closed.records, closed.encodings, level: level - 1))
            for (slot, place) in closed.places.enumerated() {
                closed.entries[place] = Location(number: file.number, group: group, slot: slot)
            }
        } else if closed.entries.allSatisfy({ $0 == .zero }) {
            return .stored(.zero)
        } else if let shared = try parentsTable(
            level: level, index: closed.index, equalTo: closed.entries)
        {
            return .stored(shared)
        }
        return .table(closed.entries)
    }

    /// Returns the parent's table at a place if it has the given entries and can be shared.
    private mutating func parentsTable(
        level: Int, index: Int, equalTo entries: [Location]
    ) throws(SnapError) -> Location? {
        guard parentTable != nil else { return nil }
        do throws(SnapError) {
            let parentEntries = try parentTable?.entries(level: level, index: index) ?? []
            guard parentEntries.starts(with: entries) else { return nil }
            let location = try parentTable?.location(level: level, index: index) ?? .zero
            let isUnshared =
                try parentTable?.needs(unshared, at: location, level: level) ?? true
            return isUnshared ? nil : location
        } catch {
            guard error.isDamage else { throw error }
            return nil
        }
    }

    /// Reads the base for the delta of a table; returns the zero page if no base can be used.
    private mutating func readBase(level: Int, index: Int) throws(SnapError) -> Location {
        do throws(SnapError) {
            let base = try parentTable?.base(level: level, index: index) ?? .zero
            if base == .zero || unshared.contains(base) { return .zero }
            try parentTable?.readBase(base, level: level, into: &basePage)
            return base
        } catch {
            guard error.isDamage else { throw error }
            return .zero
        }
    }

    /// Encodes a table as a delta if that is worth storing, else as a literal.
    private mutating func encode(
        _ entries: [Location], level: Int, index: Int
    ) throws(SnapError) -> (record: Record, encoding: [UInt8]) {
        let page = PageTableShape.encode(entries)
        let digest = page.withBytes { digestKey.digest(of: $0) }
        let base = try readBase(level: level, index: index)
        if base == .zero { return (.literal(digest), page) }
        var runs: [UInt8] = []
        let isDelta = page.withBytes { page in
            basePage.withBytes(Page.bytes(0)) { base in
                Delta.encode(
                    page, against: base, byteCountMax: Self.deltaByteCountMax,
                    appendingTo: &runs)
            }
        }
        guard isDelta else { return (.literal(digest), page) }
        return (.delta(digest, base: base, encodedByteCount: runs.count), runs)
    }

    private func encode(
        _ records: [Record], _ encodings: [UInt8], level: Int
    ) throws(SnapError) -> EncodedGroup {
        try encodings.withBytes { (encodings) throws(SnapError) in
            try encoder.encode(records, encodings, level: level)
        }
    }
}
