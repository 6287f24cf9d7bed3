package import Codecs
import GuestMemory
package import SnapSystem

/// Builds a RAM block's page table bottom up while its units come in order.
///
/// Each table is a page of its level; up to 512 of them, those under one table, make a group. A
/// table with the same entries as the parent's at its place is the parent's, shared; one that
/// differs little is a delta. At any time one group is open per level.
package struct PageTableWriter: ~Copyable {
    /// What a place in a table holds.
    package enum Child: Sendable {
        /// A page that is stored already, or the zero page.
        case stored(Location)
        /// A new table with these entries; of a block without tables, its one page.
        case table([Location])
    }

    /// A table that is being filled, and the new tables under it.
    private struct OpenTable {
        var index = 0
        var entries: [Location] = []
        var records: [Record] = []
        /// Their encodings, one after the other.
        var encodings: [UInt8] = []
        /// Which entry each of the new tables under it is.
        var places: [Int] = []
    }

    private let shape: PageTableShape
    private let digestKey: DigestKey
    private let evicted: Set<Int>
    private let encoder: GroupEncoder
    private var parentTable: PageTableWalker?
    /// The open tables of the levels from 1; the first is never used, since tables over guest
    /// pages come complete.
    private var open: [OpenTable]
    /// Where the root is, when all units have been appended.
    package private(set) var root = Location.zero
    private var basePage = MemoryBuffer(byteCount: Page.byteCount)

    /// Longer deltas of tables do not pay: tables compress five times, and one that is stored as
    /// it is keeps the deltas of later saves short.
    private static let deltaByteCountMax = Page.byteCount / 8

    /// How many units have been appended or shared.
    package private(set) var unitCount = 0

    /// Prepares to build.
    ///
    /// - Parameters:
    ///   - shape: The shape of the table.
    ///   - digestKey: The key of the new tables' digests.
    ///   - compression: How hard to compress them.
    ///   - parentTable: The parent's table of the same shape, to share with.
    ///   - evicted: Files in which nothing may be shared.
    /// - Throws: `.internalFailure` if the codec cannot be set up.
    package init(
        _ shape: PageTableShape, _ digestKey: DigestKey, compression: CompressionLevel,
        parentTable: consuming PageTableWalker?, evicted: Set<Int>
    ) throws(SnapError) {
        encoder = try GroupEncoder(compression)
        self.shape = shape
        self.digestKey = digestKey
        self.parentTable = parentTable
        self.evicted = evicted
        open = Array(repeating: OpenTable(), count: shape.depth)
    }

    /// Appends the table of the next unit, or the one page of a block without tables.
    ///
    /// - Parameters:
    ///   - child: What the unit's table is.
    ///   - file: Where new tables go.
    /// - Throws: `.inputOutput`, and `.damaged` if the parent's tables cannot be read.
    package mutating func append(
        _ child: Child, to file: inout SavevmWriter
    ) throws(SnapError) {
        let level = min(1, shape.depth)
        unitCount += 1
        try append(child, level: level, to: &file)
    }

    /// Shares the parent's tables up to a unit, whole subtrees at a time.
    ///
    /// - Parameters:
    ///   - unit: The unit that is appended next, or how many there are.
    ///   - file: Where new tables go.
    /// - Throws: `.inputOutput`, and `.damaged` if the parent's tables cannot be read.
    package mutating func share(
        upTo unit: Int, _ file: inout SavevmWriter
    ) throws(SnapError) {
        precondition(evicted.isEmpty)
        try appendSubtrees(upTo: unit, areParents: true, &file)
    }

    /// Appends units of zero pages, whole subtrees at a time.
    ///
    /// - Parameters:
    ///   - unit: The unit that is appended next, or how many there are.
    ///   - file: Where new tables go.
    /// - Throws: `.inputOutput`, and `.damaged` if the parent's tables cannot be read.
    package mutating func appendZeros(
        upTo unit: Int, _ file: inout SavevmWriter
    ) throws(SnapError) {
        try appendSubtrees(upTo: unit, areParents: false, &file)
    }

    /// Appends the units up to one, which are all the parent's, or all zero.
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
            // The tables below are those of the last subtree, closed and empty.
            for below in open.indices.prefix(level).dropFirst() {
                open[below].index = shape.index(ofUnit: unitCount, level: below + 1)
            }
            try append(.stored(subtree), level: level, to: &file)
        }
    }

    /// Appends a page of a level to the table above it, and closes what is full.
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

    /// Stores the new tables under a full table, and decides what that table itself is.
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

    private mutating func parentsTable(
        level: Int, index: Int, equalTo entries: [Location]
    ) throws(SnapError) -> Location? {
        guard parentTable != nil else { return nil }
        let parentEntries = try parentTable?.entries(level: level, index: index) ?? []
        guard parentEntries.starts(with: entries) else { return nil }
        let location = try parentTable?.location(level: level, index: index) ?? .zero
        let isLost = try parentTable?.isStored(in: evicted, location, level: level) ?? true
        return isLost ? nil : location
    }

    /// Encodes a table as a delta where that pays, else as it is.
    private mutating func encode(
        _ entries: [Location], level: Int, index: Int
    ) throws(SnapError) -> (record: Record, encoding: [UInt8]) {
        let page = PageTableShape.encode(entries)
        let digest = page.withBytes { digestKey.digest(of: $0) }
        let base = try parentTable?.base(level: level, index: index) ?? .zero
        guard base != .zero, !evicted.contains(base.number) else {
            return (.literal(digest), page)
        }
        try parentTable?.readBase(base, level: level, into: &basePage)
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
