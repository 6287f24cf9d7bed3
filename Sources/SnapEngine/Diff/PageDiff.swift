// snap diff: which pages changed between two checkpoints. Only tables that differ are read, and of
// pages that lie in different places the digests.

import CheckpointIndex
package import GuestMemory
import SavevmFormat
package import SnapSystem
import Synchronization
package import SystemPackage

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
        package let block: RAMBlock
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
    package var from: CheckpointReference
    /// The second one.
    package var to: CheckpointReference
    /// How many workers, at least 1.
    package var jobs = 1
    /// How long to wait for a lock.
    package var patience = Duration.zero
    /// Where it tells how far it has come.
    package var progress = WorkProgress()

    /// Names what is compared; the parameters are the properties.
    package init(from: CheckpointReference, to: CheckpointReference) {
        self.from = from
        self.to = to
    }

    /// Compares.
    ///
    /// RAM blocks are matched as a save matches them with its parent's.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - calls: The seam.
    /// - Throws: `.notFound`; `.usage` for an id that fits two; `.damaged`, `.unsupported`,
    ///   `.busy`, `.permission`, `.inputOutput`, `.interrupted`.
    package func run(in store: FilePath, _ calls: SystemCalls) throws(SnapError) -> Outcome {
        let store = try Store(reading: store, patience: patience, calls)
        let before = try CheckpointMemory(from, in: store, patience: patience)
        let after = try CheckpointMemory(to, in: store, patience: patience)
        let matches = RAMBlock.matches(
            of: after.source.blocks.map(\.block), in: before.source.blocks.map(\.block))
        progress.begin(.comparing, of: nil)
        var blocks: [Block] = []
        for (block, match) in zip(after.source.blocks, matches) {
            guard let match else {
                blocks.append(Block(block: block.block, change: .added))
                continue
            }
            let pair = PageTablePair(
                PageTableReader(before.source.blocks[match], before.source.files),
                PageTableReader(block, after.source.files),
                sharesFiles: before.checkpoint.guest == after.checkpoint.guest)
            blocks.append(
                try compare(
                    block.block, pair, before.source.files, after.source.files,
                    store.identity.digestKey))
        }
        for index in before.source.blocks.indices where !matches.contains(index) {
            blocks.append(Block(block: before.source.blocks[index].block, change: .removed))
        }
        return Outcome(from: before.checkpoint, to: after.checkpoint, blocks: blocks)
    }

    private func compare(
        _ block: RAMBlock, _ pair: consuming sending PageTablePair, _ before: SavevmFiles,
        _ after: SavevmFiles, _ digestKey: DigestKey
    ) throws(SnapError) -> Block {
        let pair = Mutex(pair)
        let found = Mutex(Block(block: block, change: .compared))
        try OrderedPipeline.run(
            jobs: jobs,
            next: { () throws(SnapError) in
                try pair.withLock { pair throws(SnapError) in try pair.next() }
            },
            makeWorker: { LocationComparer(before, after, digestKey) },
            work: { (worker, difference: PageTablePair.Difference, _) throws(SnapError) in
                try worker.compare(difference)
            },
            deliver: { unit in
                progress.advance(by: Unit.byteCount)
                if !unit.pages.isEmpty { found.withLock { $0.add(unit) } }
            })
        return found.withLock { $0 }
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

/// Runs of changed pages of a block, made one after the other.
package struct PageRuns: Sequence, IteratorProtocol {
    private let units: [PageDiff.ChangedUnit]
    private var unit = 0
    private var pending: [Range<Int>] = []

    fileprivate init(_ units: [PageDiff.ChangedUnit]) {
        self.units = units
    }

    /// The next run; nil after the last.
    package mutating func next() -> Range<Int>? {
        while pending.count < 2, unit < units.count {
            let first = units[unit].index * Unit.pageCount
            for run in units[unit].pages.runs {
                let run = first + run.lowerBound..<first + run.upperBound
                if let last = pending.last, last.upperBound == run.lowerBound {
                    pending[pending.count - 1] = last.lowerBound..<run.upperBound
                } else {
                    pending.append(run)
                }
            }
            unit += 1
        }
        return pending.isEmpty ? nil : pending.removeFirst()
    }
}

/// Tells which pages of two units differ in what they hold.
///
/// A worker owns one.
private struct LocationComparer: ~Copyable {
    private let digestKey: DigestKey
    private var before: PageReader
    private var after: PageReader

    init(_ before: SavevmFiles, _ after: SavevmFiles, _ digestKey: DigestKey) {
        self.before = PageReader(before)
        self.after = PageReader(after)
        self.digestKey = digestKey
    }

    mutating func compare(
        _ difference: PageTablePair.Difference
    ) throws(SnapError) -> PageDiff.ChangedUnit {
        var unit = PageDiff.ChangedUnit(index: difference.unit)
        var left = difference.before
        var right = difference.after
        for page in left.indices {
            let isShared = difference.isShared(page)
            guard isShared || left[page] == .zero || right[page] == .zero else { continue }
            if !isShared {
                unit.pages.insert(page)
                if left[page] == .zero { unit.filled.insert(page) }
                if right[page] == .zero { unit.cleared.insert(page) }
            }
            left[page] = .zero
            right[page] = .zero
        }
        // What is left is stored in two places: a page may have come back to what it was.
        let old = try before.knownPages(at: left, level: 0, key: digestKey)
        let new = try after.knownPages(at: right, level: 0, key: digestKey)
        for page in left.indices where left[page] != .zero {
            let isSame =
                if let old = old[page].digest, let new = new[page].digest {
                    old == new
                } else {
                    // Digests of different keys say nothing.
                    try before.page(at: left[page], level: 0)
                        == after.page(at: right[page], level: 0)
                }
            if !isSame { unit.pages.insert(page) }
        }
        return unit
    }
}
