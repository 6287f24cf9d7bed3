/// The items of a list, as a source.
package struct ListSource<Item: Sendable>: WorkSource {
    private var rest: ArraySlice<Item>

    /// Takes a list.
    ///
    /// - Parameter items: The items, in the order in which workers get them.
    package init(_ items: [Item]) {
        rest = items[...]
    }

    /// The next item; nil after the last.
    package mutating func next() -> Item? { rest.popFirst() }
}
