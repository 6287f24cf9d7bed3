// snap map: shows how a checkpoint stores each part of a guest's memory. It reads the tables, and
// the records of the pages that the checkpoint itself stored.

import CheckpointStore
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Maps a checkpoint's memory.
package struct Map: Sendable {
    /// The specifier of the checkpoint to map.
    package var specifier: CheckpointSpecifier
    /// The maximum number of cells of a RAM block, at least 1.
    package var cellCountMax: Int

    /// Creates the operation; the parameters are the properties of these names.
    package init(_ specifier: CheckpointSpecifier, cellCountMax: Int) {
        self.specifier = specifier
        self.cellCountMax = cellCountMax
    }

    /// Reads the checkpoint's tables and counts its pages by state.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: Supplies lock timeout and jobs; receives progress and warnings.
    /// - Returns: The map of the checkpoint's memory.
    /// - Throws: `.notFound`; `.usage` for part of an id that matches two checkpoints; `.damaged`,
    ///   `.unsupported`, `.busy`, `.permission`, `.inputOutput` or `.interrupted`.
    package func run(in store: FilePath, _ context: WorkContext) throws(SnapError) -> MemoryMap {
        try run(in: try Store(reading: store, context), context)
    }

    /// Maps the checkpoint in a store that is already open.
    func run(in store: borrowing Store, _ context: WorkContext) throws(SnapError) -> MemoryMap {
        try store.withCheckpoint(specifier, context) { (opened) throws(SnapError) in
            let memory = try opened.memory()
            let storedCount = memory.blocks.reduce(0) { $0 + $1.ram.pageCount - $1.zeroPageCount }
            context.progress.begin(.mapping, of: storedCount * Page.byteCount)
            var blocks = memory.blocks.map { MemoryMap.Block($0.ram, cellCountMax: cellCountMax) }
            // Blocks with the same step share their counts: a table they share is read once.
            let steps = blocks.map { min($0.pagesPerCell, Unit.pageCount) }
            for step in Set(steps).sorted() {
                let indices = blocks.indices.filter { steps[$0] == step }
                var counts = try counts(
                    of: indices.map { memory.blocks[$0] }, in: memory.files, step: step,
                    savedBy: opened.checkpoint.number, context: context)
                for index in indices {
                    try counts.count(memory.blocks[index].rootPlace, into: &blocks[index])
                }
            }
            return MemoryMap(checkpoint: opened.checkpoint, blocks: blocks)
        }
    }

    /// Counts the pages of all units that the blocks reach; a shared unit is counted once.
    private func counts(
        of blocks: [StoredBlock], in files: SavevmFiles, step: Int, savedBy number: Int,
        context: WorkContext
    ) throws(SnapError) -> TableCounts {
        let progress = context.progress
        return try OrderedPipeline.run(
            over: TableCursor(blocks, files), into: TableCounts(files, stepPageCount: step),
            jobs: context.jobs, makeWorker: { PageReader(files) },
            work: { (reader, item: TableCursor.Item, _) throws(SnapError) in
                switch item {
                case .damagedTable(_, let error): throw error
                case .unit(let unit):
                    (unit.place.subtree, try Self.states(of: unit, savedBy: number, in: &reader))
                }
            },
            deliver: { (counts: inout TableCounts, found: (StoredSubtree, [PageState])) in
                let (unit, states) = found
                counts.add(states, of: unit)
                progress.advance(by: states.count { $0 != .zero } * Page.byteCount)
            })
    }

    /// Determines the state of each page of a unit.
    private static func states(
        of unit: TableUnit, savedBy number: Int, in reader: inout PageReader
    ) throws(SnapError) -> [PageState] {
        let locations = unit.locations.prefix(unit.place.pages.count)
        let own = locations.map { $0.number == number ? $0 : .zero }
        let known =
            own.contains { $0 != .zero }
            ? try reader.metadata(at: own, level: 0, key: nil) : []
        return locations.indices.map { page in
            if locations[page] == .zero { return .zero }
            if own[page] == .zero { return .unchanged }
            return known[page].base == nil ? .stored : .delta
        }
    }
}
