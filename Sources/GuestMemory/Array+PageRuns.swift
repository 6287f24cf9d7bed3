extension [Range<Int>] {
    /// Appends a run, and merges it with the last run if the two are adjacent.
    ///
    /// - Parameter run: The run, which starts at or after the end of the last one.
    package mutating func append(merging run: Range<Int>) {
        if let last, last.upperBound == run.lowerBound {
            self[count - 1] = last.lowerBound..<run.upperBound
        } else {
            append(run)
        }
    }

    /// Combines consecutive numbers into runs.
    ///
    /// - Parameter numbers: The numbers, ascending.
    /// - Returns: The runs, ascending.
    package static func runs(of numbers: some Sequence<Int>) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for number in numbers { runs.append(merging: number..<number + 1) }
        return runs
    }
}
