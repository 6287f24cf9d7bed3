/// Sums and products of counts that come from files: whatever they are, nothing traps.
extension Int {
    /// The sum, or the largest number.
    ///
    /// - Parameter other: What is added; neither is negative.
    package func addingClamped(_ other: Int) -> Int {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? .max : sum
    }

    /// The product, or the largest number.
    ///
    /// - Parameter factor: By what it is multiplied; neither is negative.
    package func multipliedClamped(by factor: Int) -> Int {
        let (product, overflows) = multipliedReportingOverflow(by: factor)
        return overflows ? .max : product
    }
}
