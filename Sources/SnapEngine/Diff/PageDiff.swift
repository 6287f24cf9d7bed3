// snap diff: which pages changed between two checkpoints. Only tables that differ are read, and of
// pages that lie in different places the digests.

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
        /// Which unit of the RAM block.
        package let index: Int
        /// All pages that differ.
        package var pages = PageSet()
        /// Of these, those that were zero.
        package var filled = PageSet()
        /// Of these, those that have become zero.
        package var cleared = PageSet()
    }

    /// What became of a RAM block.
    package enum Change: String, Sendable {
        /// It is there in both.
        case compared
        /// Only the second checkpoint has it.
        case added
        /// Only the first checkpoint has it.
        case removed
    }

    /// A RAM block of either checkpoint.
    package struct Block: Sendable {
        /// The block, as the second checkpoint has it if it does.
        package let ram: RAMBlock
        /// What became of it.
        package let change: Change
        /// The units with pages that differ, in order; none of a block that only one has.
        package fileprivate(set) var units: [ChangedUnit] = []
        /// How many pages differ.
        package fileprivate(set) var changedCount = 0
        /// Of these, how many were zero.
        package fileprivate(set) var filledCount = 0
        /// Of these, how many have become zero.
        package fileprivate(set) var clearedCount = 0
    }

    /// What was compared.
    package struct Outcome: Sendable {
        /// The first checkpoint.
        package let from: Checkpoint
        /// The second one.
        package let to: Checkpoint
        /// The second's blocks in its order, then those that it lacks.
        package let blocks: [Block]
    }

    /// The first checkpoint.
    package var from: CheckpointSpecifier
    /// The second one.
    package var to: CheckpointSpecifier

    /// Names what is compared; the parameters are the properties.
    package init(from: CheckpointSpecifier, to: CheckpointSpecifier) {
        self.from = from
        self.to = to
    }

    /// Compares.
    ///
    /// RAM blocks are matched as a save matches them with its parent's.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - context: How to run.
    /// - Throws: `.notFound`; `.usage` for an id that fits two; `.damaged`, `.unsupported`,
    ///   `.busy`, `.permission`, `.inputOutput`, `.interrupted`.
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

    /// The runs of pages that differ, ascending, those of neighbouring units joined.
    package var runs: PageRuns { PageRuns(units) }
}
