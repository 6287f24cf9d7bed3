package import SnapSystem

/// Where a pipeline gets its items from: one after the other, each asked for when there is room.
package protocol WorkSource<Item>: ~Copyable, SendableMetatype {
    /// What workers get.
    associatedtype Item: Sendable

    /// The next item; nil after the last.
    ///
    /// - Throws: Why there is none; the pipeline then stops with this error.
    mutating func next() throws(SnapError) -> Item?
}
