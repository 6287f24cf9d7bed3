import GuestMemory
package import SavevmFormat
package import SnapSystem
import WorkPipeline

/// Iterates over the units that have a stored page, in order.
///
/// Subtrees of zero pages are skipped, because a large block may have few such units. The cursor
/// only finds the units; each worker looks up their locations with its own walker.
package struct DataUnitCursor: ~Copyable, WorkSource {
    private var units: StoredUnitCursor
    private let files: SavevmFiles
    private var tables: PageTableWalker?
    private var blockIndex = -1
    private let skipsDamage: Bool

    /// Creates a cursor before the first unit.
    ///
    /// - Parameters:
    ///   - blocks: The RAM blocks, in the order of the block table.
    ///   - files: The files that the blocks' tables can lie in.
    ///   - skipsDamage: Whether units under damaged tables are returned; if not, `next` throws.
    package init(_ blocks: [StoredBlock], _ files: SavevmFiles, skipsDamage: Bool = false) {
        self.skipsDamage = skipsDamage
        units = StoredUnitCursor(blocks)
        self.files = files
        tables = nil
    }

    /// Advances to the next unit that has a stored page.
    ///
    /// - Returns: The unit; nil after the last.
    /// - Throws: `.damaged` if a table is damaged; `.unsupported`, `.permission`, `.inputOutput` or
    ///   `.interrupted`.
    package mutating func next() throws(SnapError) -> StoredUnit? {
        while true {
            var ahead = units
            guard let unit = ahead.next() else { return nil }
            if blockIndex != unit.blockIndex {
                tables = PageTableWalker(unit.block, files)
                blockIndex = unit.blockIndex
            }
            let stored: Int?
            do throws(SnapError) { stored = try tables?.storedUnit(from: unit.index) } catch {
                guard skipsDamage && error.isDamage else { throw error }
                units = ahead
                return unit
            }
            if stored == unit.index {
                units = ahead
                return unit
            }
            units.move(to: stored ?? unit.block.ram.unitCount)
        }
    }
}
