import GuestMemory
package import SavevmFormat
package import SnapSystem
import WorkPipeline

/// Goes through the units of which anything is stored, in order: there may be few among very many.
///
/// It only finds them; each worker walks to their locations with a walker of its own.
package struct DataUnitCursor: ~Copyable, WorkSource {
    private var units: StoredUnitCursor
    private let files: SavevmFiles
    private var tables: PageTableWalker?
    private var blockIndex = -1

    /// Begins before the first unit.
    ///
    /// - Parameters:
    ///   - blocks: The RAM blocks, in order.
    ///   - files: The files that their tables may lie in.
    package init(_ blocks: [StoredBlock], _ files: SavevmFiles) {
        units = StoredUnitCursor(blocks)
        self.files = files
        tables = nil
    }

    /// The next unit; nil after the last.
    ///
    /// - Throws: `.damaged` and what else reading tables throws.
    package mutating func next() throws(SnapError) -> StoredUnit? {
        while true {
            var ahead = units
            guard let unit = ahead.next() else { return nil }
            if blockIndex != unit.blockIndex {
                tables = PageTableWalker(unit.block, files)
                blockIndex = unit.blockIndex
            }
            let stored = try tables?.storedUnit(from: unit.index)
            if stored == unit.index {
                units = ahead
                return unit
            }
            units.move(to: stored ?? unit.block.ram.unitCount)
        }
    }
}
