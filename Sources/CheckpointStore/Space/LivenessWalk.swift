import GuestMemory
import SavevmFormat
import SnapSystem

/// Finds the slots that checkpoints reach, by walking their page tables.
///
/// The tables of one level are read together, in the order of their locations, so that each group
/// and each cluster is read only once.
struct LivenessWalk: ~Copyable {
    private var tables: TableReader
    private var buffer = MemoryBuffer(byteCount: Unit.byteCount)
    /// The tables still to be read, by level; no table is added twice.
    private var pending: [[Location]]
    /// The tables that have been added, by the key of their group.
    private var added: [UInt64: PageSet] = [:]
    /// The damage that was found.
    private(set) var damage: [LivenessDamage] = []

    /// Creates a walk without roots.
    ///
    /// - Parameter files: The files that the tables can be in.
    init(_ files: SavevmFiles) {
        tables = TableReader(files)
        pending = Array(repeating: [], count: Limits.levelMax + 1)
    }

    /// Marks all slots that are reachable from the roots of RAM blocks, without bases of deltas.
    ///
    /// - Parameters:
    ///   - blocks: The RAM blocks of all checkpoints that keep slots live.
    ///   - marks: Receives the marks.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`; damage is recorded, not thrown.
    mutating func run(
        from blocks: [StoredBlock], marking marks: inout SlotMarks
    ) throws(SnapError) {
        for block in blocks { reach(block.root, level: block.rootPlace.level, &marks) }
        for level in (1...Limits.levelMax).reversed() {
            let locations = pending[level].sorted()
            pending[level] = []
            for start in stride(from: 0, to: locations.count, by: Unit.pageCount) {
                try Interruption.check()
                let batch = locations[start..<min(start + Unit.pageCount, locations.count)]
                do throws(SnapError) { try read(batch, level: level, &marks) } catch {
                    guard error.isDamage else { throw error }
                    try readSeparately(batch, level: level, &marks)
                }
            }
        }
    }

    /// Marks a page or table, and adds a table to those that are read.
    private mutating func reach(_ location: Location, level: Int, _ marks: inout SlotMarks) {
        // A table refers only to files of its own number and lower ones.
        guard location.number >= marks.lowestNumber else { return }
        marks.mark(location)
        if level == 0 || added[location.groupKey]?.contains(location.slot) ?? false { return }
        added[location.groupKey, default: PageSet()].insert(location.slot)
        pending[level].append(location)
    }

    private mutating func read(
        _ batch: ArraySlice<Location>, level: Int, _ marks: inout SlotMarks
    ) throws(SnapError) {
        var children: [Location] = []
        try tables.forEachTable(of: batch, level: level, using: &buffer) {
            (_, entries) throws(SnapError) in
            if level == 1 {
                for entry in entries { marks.mark(entry) }
            } else {
                children += entries
            }
        }
        for child in children { reach(child, level: level - 1, &marks) }
    }

    /// Reads tables one by one, to find those that are damaged.
    private mutating func readSeparately(
        _ batch: ArraySlice<Location>, level: Int, _ marks: inout SlotMarks
    ) throws(SnapError) {
        for location in batch {
            do throws(SnapError) {
                try read([location], level: level, &marks)
            } catch {
                guard error.isDamage else { throw error }
                damage.append(LivenessDamage(error: error, scope: .table(location)))
            }
        }
    }
}
