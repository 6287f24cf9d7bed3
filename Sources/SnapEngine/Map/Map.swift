// snap map: where in a guest's memory a checkpoint's pages are, and what became of them. It reads
// tables, and the records of the pages that the checkpoint itself stored.

import CheckpointStore
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Maps a checkpoint's memory.
package struct Map: Sendable {
    /// Which checkpoint.
    package var specifier: CheckpointSpecifier
    /// How many cells a RAM block gets at most, at least 1.
    package var cellCountMax: Int

    /// Prepares to map; the parameters are the properties.
    package init(_ specifier: CheckpointSpecifier, cellCountMax: Int) {
        self.specifier = specifier
        self.cellCountMax = cellCountMax
    }

    /// Reads the checkpoint's tables.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: How to run.
    /// - Throws: `.notFound`; `.usage` for an id that fits two; `.damaged`, `.unsupported`,
    ///   `.busy`, `.permission`, `.inputOutput`, `.interrupted`.
    package func run(in store: FilePath, _ context: WorkContext) throws(SnapError) -> MemoryMap {
        try run(in: try Store(reading: store, context), context)
    }

    /// Reads the checkpoint's tables, in a store that is open.
    func run(in store: borrowing Store, _ context: WorkContext) throws(SnapError) -> MemoryMap {
        try store.withCheckpoint(specifier, context) {
            (opened) throws(SnapError) in
            let memory = try opened.memory()
            let number = opened.checkpoint.number
            let progress = context.progress
            progress.begin(.mapping, of: memory.byteCount)
            let blocks = try OrderedPipeline.run(
                over: memory.dataUnits,
                into: memory.blocks.map { MemoryMap.Block($0.ram, cellCountMax: cellCountMax) },
                jobs: context.jobs,
                makeWorker: { UnitDecoder(memory.files) },
                work: { (decoder, unit: StoredUnit, _) throws(SnapError) in
                    (unit, try Self.states(of: unit, storedBy: number, with: &decoder))
                },
                deliver: { (blocks: inout [MemoryMap.Block], found: (StoredUnit, [PageState])) in
                    let (unit, states) = found
                    blocks[unit.blockIndex].count(states, from: unit.index * Unit.pageCount)
                    progress.reach(unit.end)
                })
            return MemoryMap(checkpoint: opened.checkpoint, blocks: blocks)
        }
    }

    /// What became of each page of a unit.
    private static func states(
        of unit: StoredUnit, storedBy number: Int, with decoder: inout UnitDecoder
    ) throws(SnapError) -> [PageState] {
        let locations = try decoder.locations(of: unit)
        let own = locations.map { $0.number == number ? $0 : .zero }
        let known =
            own.contains { $0 != .zero } ? try decoder.metadata(at: own, key: nil) : []
        return (0..<unit.pageCount).map { page in
            if locations[page] == .zero { return .zero }
            if own[page] == .zero { return .unchanged }
            return known[page].base == nil ? .stored : .delta
        }
    }
}
