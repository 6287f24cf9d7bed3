package import SnapSystem

/// A source of a pipeline's items, which the pipeline requests one after another as it has room.
package protocol WorkSource<Item>: ~Copyable, SendableMetatype {
    /// The type of the items that workers get.
    associatedtype Item: Sendable

    /// Produces the next item.
    ///
    /// - Returns: The item; nil after the last one.
    /// - Throws: An error if the item cannot be produced; the pipeline then stops with this error.
    mutating func next() throws(SnapError) -> Item?
}
