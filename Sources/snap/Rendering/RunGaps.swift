import SnapEngine

/// How far apart the runs of a diff are: counted by powers of two, for there may be millions.
struct RunGaps {
    /// How many runs there are.
    private(set) var runCount = 0
    /// How many of them are the first of a block.
    private var firstCount = 0
    /// How many gaps have at most 2^n pages, and more than 2^(n-1).
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

    /// The least power of two, in pages, so that with gaps up to that closed not more lines are
    /// left than wanted, but one for each block; 0 if none need be closed.
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
