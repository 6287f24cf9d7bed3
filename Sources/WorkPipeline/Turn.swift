package import SnapSystem

/// An item's position in the order of a pipeline.
package struct Turn: Sendable {
    private let index: Int
    private let turnstile: Turnstile

    init(index: Int, turnstile: Turnstile) {
        self.index = index
        self.turnstile = turnstile
    }

    /// Waits until all earlier items have taken their turn, then runs a closure.
    ///
    /// An item can take its turn at most once.
    ///
    /// - Parameter body: The work that must run in the order of the items.
    /// - Throws: What `body` throws, or `.internalFailure` if an earlier item has failed.
    package func take(_ body: () throws(SnapError) -> Void) throws(SnapError) {
        try turnstile.enter(index)
        try body()
        turnstile.leave()
    }
}
