extension Array {
    /// Finds the first element that has a property, by binary search.
    ///
    /// All elements without the property must come before those that have it.
    ///
    /// - Parameter hasProperty: Whether an element has the property.
    /// - Returns: The index of the first element that has the property; the array's count if no
    ///   element has it.
    package func partitionIndex(where hasProperty: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if hasProperty(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
