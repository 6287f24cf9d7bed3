/// What rebuilding an index from the files has found.
package struct RebuiltIndex: Sendable, Equatable {
    /// Guests with a directory.
    package var guestCount = 0
    /// Checkpoints that are in the index now.
    package var checkpointCount = 0
    /// Files that are incomplete or cannot be read: checkpoints that are not in the index now,
    /// and device states.
    package var damagedFileCount = 0

    /// Counts nothing yet.
    package init() {}
}
