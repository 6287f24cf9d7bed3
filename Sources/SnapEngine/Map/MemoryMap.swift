// snap map: where in a guest's memory a checkpoint's pages are, and what became of them. It reads
// tables, and the records of the pages that the checkpoint itself stored.

package import GuestMemory
import SavevmFormat
package import SnapSystem
import Synchronization
import SystemPackage

/// What became of the pages of a stretch of memory.
package struct PageKinds: Sendable, Equatable {
    /// Pages that are zero.
    package var zero = 0
    /// Pages that lie in another checkpoint's file: they have not changed since.
    package var unchanged = 0
    /// Pages that this checkpoint stored as a difference from an older one.
    ///
    /// Of these and of the next, some may be unchanged: those that it stored anew to let go of an
    /// old file.
    package var delta = 0
    /// Pages that this checkpoint stored whole.
    package var stored = 0

    /// Counts nothing yet.
    package init() {}

    /// All pages.
    package var total: Int { zero + unchanged + delta + stored }

    /// Adds the pages of another stretch.
    package mutating func add(_ other: PageKinds) {
        zero += other.zero
        unchanged += other.unchanged
        delta += other.delta
        stored += other.stored
    }
}

/// A checkpoint's memory as a row of cells.
package struct MemoryMap: Sendable {
    /// A RAM block of it.
    package struct Block: Sendable {
        /// The block.
        package let block: RAMBlock
        /// How many pages a cell stands for; the last may stand for fewer.
        package let pagesPerCell: Int
        /// The cells, from the block's beginning.
        package fileprivate(set) var cells: [PageKinds]

        fileprivate init(_ block: RAMBlock, cellCountMax: Int) {
            // A power of two, so that cells begin at round addresses.
            var pagesPerCell = 1
            while (block.pageCount - 1) / pagesPerCell >= cellCountMax { pagesPerCell *= 2 }
            self.block = block
            self.pagesPerCell = pagesPerCell
            let count = (block.pageCount - 1) / pagesPerCell + 1
            // Zero until something is found: of most of a large guest nothing may be stored.
            cells = (0..<count).map { index in
                var cell = PageKinds()
                cell.zero = min(pagesPerCell, block.pageCount - index * pagesPerCell)
                return cell
            }
        }
    }

    /// The checkpoint.
    package let checkpoint: Checkpoint
    /// Its RAM blocks, in order.
    package let blocks: [Block]

    /// What became of all its pages.
    package var kinds: PageKinds {
        var sum = PageKinds()
        for block in blocks { for cell in block.cells { sum.add(cell) } }
        return sum
    }

    /// Reads a checkpoint's tables.
    ///
    /// - Parameters:
    ///   - reference: Which checkpoint.
    ///   - store: The store.
    ///   - cellCountMax: How many cells a block gets at most, at least 1.
    ///   - jobs: How many workers, at least 1.
    ///   - patience: How long to wait for a lock.
    ///   - progress: Where it tells how far it has come.
    /// - Throws: `.notFound`; `.usage` for an id that fits two; `.damaged`, `.unsupported`,
    ///   `.busy`, `.permission`, `.inputOutput`, `.interrupted`.
    package init(
        of reference: CheckpointReference, in store: borrowing Store, cellCountMax: Int,
        jobs: Int, patience: Duration, _ progress: WorkProgress
    ) throws(SnapError) {
        let memory = try CheckpointMemory(reference, in: store, patience: patience)
        let source = memory.source
        let number = memory.checkpoint.number
        let blocks = Mutex(
            source.blocks.map { Block($0.block, cellCountMax: cellCountMax) })
        let cursor = Mutex(DataUnitCursor(source.blocks, source.files))
        progress.begin(.mapping, of: source.byteCount)
        try OrderedPipeline.run(
            jobs: jobs,
            next: { () throws(SnapError) in
                try cursor.withLock { cursor throws(SnapError) in try cursor.next() }
            },
            makeWorker: { UnitDecoder(source.files) },
            work: { (worker, unit: StoredUnit, _) throws(SnapError) in
                (unit, try Self.classify(unit, storedBy: number, &worker))
            },
            deliver: { (unit: StoredUnit, kinds: [PageKind]) in
                blocks.withLock { $0[unit.blockIndex].count(kinds, in: unit) }
                progress.reach(unit.end)
            })
        checkpoint = memory.checkpoint
        self.blocks = blocks.withLock { $0 }
    }

    /// What became of each page of a unit.
    private static func classify(
        _ unit: StoredUnit, storedBy number: Int, _ decoder: inout UnitDecoder
    ) throws(SnapError) -> [PageKind] {
        let locations = try decoder.locations(of: unit)
        let own = locations.map { $0.number == number ? $0 : .zero }
        let known =
            own.contains { $0 != .zero } ? try decoder.knownPages(at: own, key: nil) : []
        return (0..<unit.pageCount).map { page in
            if locations[page] == .zero { return .zero }
            if own[page] == .zero { return .unchanged }
            return known[page].base == nil ? .stored : .delta
        }
    }
}

/// What became of a page.
private enum PageKind {
    case zero
    case unchanged
    case delta
    case stored
}

extension MemoryMap.Block {
    fileprivate mutating func count(_ kinds: [PageKind], in unit: StoredUnit) {
        let first = unit.index * Unit.pageCount
        for (page, kind) in kinds.enumerated() where kind != .zero {
            let cell = (first + page) / pagesPerCell
            cells[cell].zero -= 1
            switch kind {
            case .zero: break
            case .unchanged: cells[cell].unchanged += 1
            case .delta: cells[cell].delta += 1
            case .stored: cells[cell].stored += 1
            }
        }
    }
}
