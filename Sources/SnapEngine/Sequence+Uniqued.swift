extension Sequence where Element: Hashable {
    /// Removes all but the first occurrence of each element and keeps the order.
    func uniqued() -> [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
