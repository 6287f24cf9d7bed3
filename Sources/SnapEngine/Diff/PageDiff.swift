// snap diff: shows which pages differ between two checkpoints. It reads only the tables that
// differ, and the digests of pages with different locations.

import CheckpointStore
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Compares the memory of two checkpoints, page by page.
package struct PageDiff: Sendable {
    /// The pages of a unit that differ.
    package struct ChangedUnit: Sendable, Equatable {
        /// The unit's index in its RAM block.
        package let index: Int
        /// All pages that differ.
        package var pages = PageSet()
        /// The differing pages that were zero in the first checkpoint.
        package var filled = PageSet()
        /// The differing pages that are zero in the second checkpoint.
        package var cleared = PageSet()
    }

    /// Which of the two checkpoints has a RAM block.
    package enum Change: String, Sendable {
        /// Both checkpoints have the block.
        case compared
        /// Only the second checkpoint has it.
        case added
        /// Only the first checkpoint has it.
        case removed
    }

    /// A RAM block of either checkpoint.
    package struct Block: Sendable {
        /// The block of the second checkpoint, or of the first if the second lacks it.
        package let ram: RAMBlock
        /// Which of the two checkpoints has the block.
        package let change: Change
        /// The units with differing pages, in order; empty if only one checkpoint has the block.
        package fileprivate(set) var units: [ChangedUnit] = []
        /// The number of pages that differ.
        package fileprivate(set) var changedCount = 0
        /// The number of differing pages that were zero in the first checkpoint.
        package fileprivate(set) var filledCount = 0
        /// The number of differing pages that are zero in the second checkpoint.
        package fileprivate(set) var clearedCount = 0
    }

    /// The result of a comparison.
    package struct Outcome: Sendable {
        /// The first checkpoint.
        package let from: Checkpoint
        /// The second checkpoint.
        package let to: Checkpoint
        /// The second checkpoint's blocks in its order, followed by the removed blocks.
        package let blocks: [Block]
    }

    /// The specifier of the first checkpoint.
    package var from: CheckpointSpecifier
    /// The specifier of the second checkpoint.
    package var to: CheckpointSpecifier

    /// Creates a comparison; the parameters are the properties of these names.
    package init(from: CheckpointSpecifier, to: CheckpointSpecifier) {
        self.from = from
        self.to = to
    }

    /// Compares the pages of both checkpoints.
    ///
    /// Matches the RAM blocks by the same rule by which a save matches them with its parent's.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: Supplies lock timeout and jobs; receives progress and warnings.
    /// - Returns: The RAM blocks of both checkpoints and their differing pages.
    /// - Throws: `.notFound`; `.usage` for part of an id that matches two checkpoints; `.damaged`,
    ///   `.unsupported`, `.busy`, `.permission`, `.inputOutput` or `.interrupted`.
    package func run(in store: FilePath, _ context: WorkContext) throws(SnapError) -> Outcome {
        let store = try Store(reading: store, context)
        let key = store.identity.digestKey
        return try store.withCheckpoints(from, to, context: context) {
            (before, after) throws(SnapError) in
            try compare(before, after, key: key, context: context)
        }
    }

    private func compare(
        _ before: OpenCheckpoint, _ after: OpenCheckpoint, key: DigestKey, context: WorkContext
    ) throws(SnapError) -> Outcome {
        let old = try before.memory()
        let new = try after.memory()
        let matches = RAMBlock.matches(
            of: new.blocks.map(\.ram), in: old.blocks.map(\.ram))
        context.progress.begin(.comparing, of: nil)
        var blocks: [Block] = []
        for (block, match) in zip(new.blocks, matches) {
            guard let match else {
                blocks.append(Block(ram: block.ram, change: .added))
                continue
            }
            let pair = PageTablePair(
                PageTableWalker(old.blocks[match], old.files),
                PageTableWalker(block, new.files),
                sharesFiles: before.checkpoint.guest == after.checkpoint.guest)
            blocks.append(
                try OrderedPipeline.run(
                    over: pair, into: Block(ram: block.ram, change: .compared),
                    jobs: context.jobs,
                    makeWorker: { LocationComparer(old.files, new.files, key: key) },
                    work: { (worker, difference: PageTablePair.Difference, _) throws(SnapError) in
                        try worker.compare(difference)
                    },
                    deliver: { (block: inout Block, unit: ChangedUnit) in
                        context.progress.advance(by: Unit.byteCount)
                        if !unit.pages.isEmpty { block.add(unit) }
                    }))
        }
        for index in old.blocks.indices where !matches.contains(index) {
            blocks.append(Block(ram: old.blocks[index].ram, change: .removed))
        }
        return Outcome(from: before.checkpoint, to: after.checkpoint, blocks: blocks)
    }
}

extension PageDiff.Block {
    fileprivate mutating func add(_ unit: PageDiff.ChangedUnit) {
        units.append(unit)
        changedCount += unit.pages.count
        filledCount += unit.filled.count
        clearedCount += unit.cleared.count
    }

    /// The runs of differing pages, ascending; a run can cross unit boundaries.
    package var runs: PageRuns { PageRuns(units) }
}
