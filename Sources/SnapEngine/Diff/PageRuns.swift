import GuestMemory
import SavevmFormat

/// The runs of differing pages of a block, computed one at a time.
package struct PageRuns: Sequence, IteratorProtocol {
    private let units: [PageDiff.ChangedUnit]
    private var unit = 0
    private var pending: [Range<Int>] = []

    init(_ units: [PageDiff.ChangedUnit]) {
        self.units = units
    }

    /// Computes the next run.
    ///
    /// - Returns: The run, as indices of pages in the block; nil after the last.
    package mutating func next() -> Range<Int>? {
        while pending.count < 2, unit < units.count {
            let first = units[unit].index * Unit.pageCount
            for run in units[unit].pages.runs {
                pending.append(merging: first + run.lowerBound..<first + run.upperBound)
            }
            unit += 1
        }
        return pending.isEmpty ? nil : pending.removeFirst()
    }
}
