import SnapEngine

/// Counts the gaps between the runs of a diff, by powers of two, as there may be millions of runs.
struct RunGaps {
    /// The number of runs in all blocks.
    private(set) var runCount = 0
    /// The number of blocks that have runs, and so the least possible number of lines.
    private var firstCount = 0
    /// At index n, the number of gaps of more than 2^(n-1) and at most 2^n pages.
    private var counts = [Int](repeating: 0, count: Int.bitWidth)

    init(_ blocks: [PageDiff.Block]) {
        for block in blocks {
            var end: Int?
            for run in block.runs {
                runCount += 1
                if let end {
                    let gap = run.lowerBound - end
                    counts[Int.bitWidth - (gap - 1).leadingZeroBitCount] += 1
                } else {
                    firstCount += 1
                }
                end = run.upperBound
            }
        }
    }

    /// Finds the gap size up to which runs must be joined to get few enough lines.
    ///
    /// - Parameter lineCountMax: The maximum number of lines; each block with runs needs one.
    /// - Returns: The largest gap to join across, a power of two; 0 if no runs need be joined.
    func smallest(forLines lineCountMax: Int) -> Int {
        var lineCount = runCount
        for (power, count) in counts.enumerated() {
            if lineCount <= max(lineCountMax, firstCount) {
                return power == 0 ? 0 : 1 << (power - 1)
            }
            lineCount -= count
        }
        return 0
    }
}
