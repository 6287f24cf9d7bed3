package import SnapSystem

/// An item's place in the order of a pipeline.
package struct Turn: Sendable {
    private let index: Int
    private let turnstile: Turnstile

    init(index: Int, turnstile: Turnstile) {
        self.index = index
        self.turnstile = turnstile
    }

    /// Does something when all earlier items have done theirs; at most once for an item.
    ///
    /// - Parameter body: What to do.
    /// - Throws: What `body` throws, or `.internalFailure` if an earlier item has failed.
    package func take(_ body: () throws(SnapError) -> Void) throws(SnapError) {
        try turnstile.enter(index)
        try body()
        turnstile.leave()
    }
}
