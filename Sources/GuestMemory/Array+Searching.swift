extension Array {
    /// Where, in elements of which the first ones do not have a property and all behind them do,
    /// those begin that do.
    ///
    /// - Parameter hasProperty: Whether an element has it.
    /// - Returns: The first such element's index; the count if there is none.
    package func firstIndexOfRest(where hasProperty: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if hasProperty(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
