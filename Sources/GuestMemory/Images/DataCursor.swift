/// How far the search for data in a memory image has come.
///
/// It remembers the run of data it is in, because looking for the end of a long run is slow on
/// some file systems and must be done once, not once a unit.
package struct DataCursor: Sendable {
    var offset = 0
    var data = 0..<0

    /// Begins at the block's start.
    package init() {}

    /// Moves on.
    ///
    /// - Parameter offset: Where to, in bytes from the block's start; not back.
    package mutating func skip(to offset: Int) { self.offset = max(self.offset, offset) }
}
