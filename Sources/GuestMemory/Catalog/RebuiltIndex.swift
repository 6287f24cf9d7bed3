/// What rebuilding an index from the files has found.
public struct RebuiltIndex: Sendable, Equatable {
    /// Guests with a directory.
    public var guestCount = 0
    /// Checkpoints that are in the index now.
    public var checkpointCount = 0
    /// Files that are incomplete or cannot be read: checkpoints that are not in the index now,
    /// and device states.
    public var damagedFileCount = 0

    /// Counts nothing yet.
    public init() {}
}
