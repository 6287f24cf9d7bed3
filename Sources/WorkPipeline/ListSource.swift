/// A source that yields the items of a list.
package struct ListSource<Item: Sendable>: WorkSource {
    private var rest: ArraySlice<Item>

    /// Creates a source from a list.
    ///
    /// - Parameter items: The items, in the order in which the pipeline claims them.
    package init(_ items: [Item]) {
        rest = items[...]
    }

    /// Removes the next item from the list.
    ///
    /// - Returns: The item; nil after the last one.
    package mutating func next() -> Item? { rest.popFirst() }
}
