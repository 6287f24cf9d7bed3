/// The position of a search for data in a memory image.
///
/// It remembers the current run of data. On some file systems, finding the end of a long run is
/// slow, so this must happen once per run and not once per unit.
package struct DataCursor: Sendable {
    var offset = 0
    var data = 0..<0

    /// Creates a cursor at the start of the block.
    package init() {}

    /// Moves the cursor forward.
    ///
    /// - Parameter offset: The new position, in bytes from the block's start. The cursor does not
    ///   move if this is before its current position.
    package mutating func skip(to offset: Int) { self.offset = max(self.offset, offset) }
}
