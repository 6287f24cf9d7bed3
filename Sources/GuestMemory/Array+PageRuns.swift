extension [Range<Int>] {
    /// Adds a run after all others; where it touches the last one, the two become one.
    ///
    /// - Parameter run: The run, which begins where the last one ends or later.
    package mutating func append(merging run: Range<Int>) {
        if let last, last.upperBound == run.lowerBound {
            self[count - 1] = last.lowerBound..<run.upperBound
        } else {
            append(run)
        }
    }

    /// Numbers as runs.
    ///
    /// - Parameter numbers: The numbers, ascending.
    package static func runs(of numbers: some Sequence<Int>) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for number in numbers { runs.append(merging: number..<number + 1) }
        return runs
    }
}
