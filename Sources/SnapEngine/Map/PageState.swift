/// What became of a page in a checkpoint; the raw value is its name in JSON.
package enum PageState: String, Sendable, CaseIterable {
    /// It is zero.
    case zero
    /// It lies in another checkpoint's file: it has not changed since.
    case unchanged
    /// This checkpoint stored it as a difference from an older one.
    ///
    /// Of these and of the next, some may be unchanged: those that it moved out of an evicted file.
    case delta
    /// This checkpoint stored it as it is.
    case stored
}
