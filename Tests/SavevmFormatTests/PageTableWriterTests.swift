import GuestMemory
import SavevmFormat
import SnapSystem
import TestSupport
import Testing

/// Page tables are written, walked, shared with a parent's table, and compared.
///
/// The tests read only tables. The pages at the tables' locations do not exist.
@Suite("Writing and comparing page tables")
struct PageTableWriterTests {
    private typealias Units = [Int: [Location]]

    private static let pageCounts = [
        2, 511, 512, 513, 5000, 512 * 512, 512 * 512 + 1, 512 * 512 * 3 + 700,
    ]

    /// Generates random locations of a unit's pages in a file; the first is not zero.
    private static func unit(
        _ unit: Int, of shape: PageTableShape, number: Int, _ generator: inout Seeded
    ) -> [Location] {
        let count = shape.entryCount(level: 1, index: unit)
        let entries = (0..<count).map { _ in
            Bool.random(using: &generator)
                ? Location.zero
                : Location(
                    number: number, group: .random(in: 0...Location.groupMax, using: &generator),
                    slot: .random(in: 0..<512, using: &generator))
        }
        return [Location(number: number, group: 0, slot: 0)] + entries.dropFirst()
    }

    /// How the writer appends unchanged units: one by one, or as parts of shared subtrees.
    private enum Sharing { case units, subtrees }

    /// Writes a checkpoint whose page table has these units; all other units are zero.
    private static func write(
        _ units: Units, _ shape: PageTableShape, number: Int, sharing: Sharing,
        changed: Set<Int>, evicted: Set<Int> = [], _ builder: inout Builder
    ) throws {
        let id = Identifier(high: 1, low: UInt64(number))
        let parent = builder.references.last
        var parentTable: PageTableWalker?
        var unchanged: PageTableWalker?
        if let parent {
            parentTable = try walker(parent.number, builder)
            unchanged = try walker(parent.number, builder)
        }
        builder.references.append(FileReference(number: number, id: id))
        var file = try SavevmWriter(
            in: builder.directory,
            FileHeader(
                .savevm, number: number, storeID: builder.storeID, checkpointID: id,
                parent: parent))
        var table = try PageTableWriter(
            shape, builder.key, compression: .default, parentTable: parentTable,
            unshared: StoredParts(files: evicted))
        for unit in Set(units.keys).union(changed).sorted() {
            switch sharing {
            case .units: try table.appendZeros(upTo: unit, &file)
            case .subtrees:
                if !changed.contains(unit) { continue }
                try table.share(upTo: unit, &file)
            }
            if let entries = units[unit], changed.contains(unit) {
                try table.append(.table(entries), to: &file)
            } else {
                let location = try unchanged?.location(level: 1, index: unit) ?? .zero
                try table.append(.stored(units[unit] == nil ? .zero : location), to: &file)
            }
        }
        switch sharing {
        case .units: try table.appendZeros(upTo: shape.unitCount, &file)
        case .subtrees: try table.share(upTo: shape.unitCount, &file)
        }
        #expect(table.unitCount == shape.unitCount)
        var counts = PageCounts()
        counts.zero = shape.pageCount
        let ram = RAMBlock(name: "", byteCount: shape.pageCount * Page.byteCount)
        _ = try file.publish(
            blocks: [StoredBlock(ram: ram, root: table.root, zeroPageCount: 0)],
            references: builder.references,
            description: CheckpointDescription(
                guest: builder.guest, label: nil, createdAt: Timestamp(secondsSinceEpoch: 1),
                pages: counts, digestKey: builder.key, deviceState: nil))
    }

    private static func walker(_ number: Int, _ builder: Builder) throws -> PageTableWalker {
        PageTableWalker(try builder.files().file(number).blocks()[0], builder.files())
    }

    /// Selects random units of a table, sometimes with the first and the last one.
    private static func numbers(
        _ shape: PageTableShape, _ generator: inout Seeded
    ) -> Set<Int> {
        let some = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
            Int.random(in: 0..<shape.unitCount, using: &generator)
        }
        return Set(some + (Bool.random(using: &generator) ? [0, shape.unitCount - 1] : []))
    }

    @Test(
        "a written table is read back unchanged, and shares the units that did not change",
        arguments: 0..<32)
    func random(seed: Int) throws {
        var generator = Seeded(UInt64(seed))
        let shape = PageTableShape(pageCount: Self.pageCounts[seed % Self.pageCounts.count])
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        var builder = try Builder(scratch)
        var first: Units = [:]
        for unit in Self.numbers(shape, &generator) {
            first[unit] = Self.unit(unit, of: shape, number: 1, &generator)
        }
        try Self.write(
            first, shape, number: 1, sharing: .units, changed: Set(first.keys), &builder)
        try Self.expect(first, shape, 1, builder, "seed \(seed)")
        // Some units change, some become zero, and some zero units become nonzero.
        var second = first
        var changed = Self.numbers(shape, &generator)
        if let lowest = first.keys.min() { changed.insert(lowest) }
        for unit in changed {
            let isZero = Int.random(in: 0..<3, using: &generator) == 0
            second[unit] = isZero ? nil : Self.unit(unit, of: shape, number: 2, &generator)
        }
        changed = changed.filter { first[$0] != second[$0] }
        for (number, sharing) in [(2, Sharing.units), (3, .subtrees)] {
            // The third checkpoint has the same table as the second, so it shares all of it.
            try Self.write(
                second, shape, number: number, sharing: sharing,
                changed: number == 2 ? changed : [], &builder)
            try Self.expect(second, shape, number, builder, "seed \(seed), \(sharing)")
        }
        var tables = try (1...3).map { try builder.files().file($0).blocks()[0] }
        #expect(tables[2].root == tables[1].root, "seed \(seed)")
        #expect((tables[1].root == tables[0].root) == changed.isEmpty, "seed \(seed)")
        try Self.expectDifferences(first, second, changed, builder, "seed \(seed)")
        // A save that evicts all earlier files refers to none of them.
        try Self.write(
            second, shape, number: 4, sharing: .units, changed: Set(second.keys),
            evicted: [1, 2, 3], &builder)
        tables.append(try builder.files().file(4).blocks()[0])
        #expect(tables[3].root.number == (second.isEmpty ? 0 : 4), "seed \(seed)")
        var walker = try Self.walker(4, builder)
        for unit in second.keys {
            #expect(try walker.location(level: 1, index: unit).number == 4, "seed \(seed)")
        }
    }

    private static func expect(
        _ units: Units, _ shape: PageTableShape, _ number: Int, _ builder: Builder, _ what: String
    ) throws {
        var walker = try walker(number, builder)
        var stored: [Int] = []
        while let unit = try walker.storedUnit(from: (stored.last ?? -1) + 1) {
            stored.append(unit)
        }
        #expect(stored == units.keys.sorted(), "\(what)")
        for (unit, entries) in units {
            let found = try walker.locations(level: 0, inTable: unit)
            let isEqual = found.starts(with: entries)
            #expect(isEqual && found.dropFirst(entries.count).allSatisfy { $0 == .zero }, "\(what)")
        }
    }

    /// Compares the first two tables in both orders, as tables of one guest and of two guests.
    private static func expectDifferences(
        _ first: Units, _ second: Units, _ changed: Set<Int>, _ builder: Builder, _ what: String
    ) throws {
        for (before, after) in [(1, 2), (2, 1)] {
            for sharesFiles in [true, false] {
                var pair = PageTablePair(
                    try walker(before, builder), try walker(after, builder),
                    sharesFiles: sharesFiles)
                var found: [Int] = []
                while let difference = try pair.next() {
                    found.append(difference.unit)
                    let sides = before == 1 ? [first, second] : [second, first]
                    for (locations, units) in zip([difference.before, difference.after], sides) {
                        let entries = units[difference.unit] ?? []
                        #expect(locations.starts(with: entries), "\(what)")
                    }
                    for page in 0..<512 {
                        let (left, right) = (difference.before[page], difference.after[page])
                        let isShared = left == right && (sharesFiles || left == .zero)
                        #expect(difference.isShared(page) == isShared, "\(what)")
                    }
                }
                let all = Set(first.keys).union(second.keys)
                #expect(found == (sharesFiles ? changed : all).sorted(), "\(what)")
            }
        }
    }
}
