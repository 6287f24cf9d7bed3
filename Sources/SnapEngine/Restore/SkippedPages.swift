import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem

/// The damaged pages that a restore has skipped.
struct SkippedPages {
    /// The lost pages, by RAM block; a block without lost pages is not included.
    var losses: [MemoryLoss] {
        blocks.indices.compactMap { index in
            counts[index] == 0
                ? nil
                : MemoryLoss(ram: blocks[index], pageCount: counts[index], pages: runs[index])
        }
    }

    /// The errors that made pages unreadable, each once, in the order in which they occurred.
    private(set) var errors: [SnapError] = []

    private let blocks: [RAMBlock]
    private var counts: [Int]
    private var runs: [[Range<Int>]]
    private var runsLeft = MemoryLoss.runCountMax
    private var known: Set<String> = []

    /// Creates a collection without pages.
    ///
    /// - Parameter memory: The memory that is restored.
    init(of memory: StoredMemory) {
        blocks = memory.blocks.map(\.ram)
        counts = Array(repeating: 0, count: blocks.count)
        runs = Array(repeating: [], count: blocks.count)
    }

    /// Adds the lost pages of a unit; units ascend.
    mutating func add(_ lost: UnitDecoder.Loss, of unit: StoredUnit) {
        for run in lost.pages.runs {
            counts[unit.blockIndex] += run.count
            let first = unit.index * Unit.pageCount
            let count = runs[unit.blockIndex].count
            if runsLeft > 0 {
                runs[unit.blockIndex].append(
                    merging: first + run.lowerBound..<first + run.upperBound)
            }
            runsLeft -= runs[unit.blockIndex].count - count
        }
        for error in lost.errors { add(error) }
    }

    /// Adds a reason why something is lost.
    mutating func add(_ error: SnapError) {
        if known.insert(error.description).inserted { errors.append(error) }
    }
}
