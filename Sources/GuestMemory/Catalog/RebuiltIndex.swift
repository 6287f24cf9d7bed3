/// The result of rebuilding an index from the files.
package struct RebuiltIndex: Sendable, Equatable {
    /// The number of guests, which are those with a directory.
    package var guestCount = 0
    /// The number of checkpoints in the new index.
    package var checkpointCount = 0
    /// The number of files that are incomplete or unreadable.
    ///
    /// The checkpoints of such savevm files are missing from the new index; those of such
    /// device-state files are not. A guest's directory that cannot be listed counts as one file,
    /// and all of its checkpoints are missing.
    package var damagedFileCount = 0

    /// Creates a result whose counts are all 0.
    package init() {}
}
