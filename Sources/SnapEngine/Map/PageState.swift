/// How a checkpoint stores a page; the raw value is the name in JSON.
package enum PageState: String, Sendable, CaseIterable {
    /// The page is zero and not stored.
    case zero
    /// The page lies in another checkpoint's file and has not changed since that checkpoint.
    case unchanged
    /// This checkpoint stored the page as a delta.
    ///
    /// Some pages of this and the next state can be unchanged: a save stores a page again if it
    /// moves the page out of an evicted file.
    case delta
    /// This checkpoint stored the page as a literal.
    case stored
}
