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
}
