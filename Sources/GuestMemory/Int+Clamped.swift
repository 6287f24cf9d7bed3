/// Sums and products that never trap, for counts from files.
extension Int {
    /// Adds a number, and limits the sum to `Int.max`.
    ///
    /// - Parameter other: The number to add; neither number is negative.
    /// - Returns: The sum, or `Int.max` if it overflows.
    package func addingClamped(_ other: Int) -> Int {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? .max : sum
    }

    /// Multiplies by a factor, and limits the product to `Int.max`.
    ///
    /// - Parameter factor: The factor; neither number is negative.
    /// - Returns: The product, or `Int.max` if it overflows.
    package func multipliedClamped(by factor: Int) -> Int {
        let (product, overflows) = multipliedReportingOverflow(by: factor)
        return overflows ? .max : product
    }
}
