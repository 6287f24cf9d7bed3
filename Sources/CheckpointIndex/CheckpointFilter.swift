package import GuestMemory
package import SnapSystem

/// A choice of checkpoints of the index.
package struct CheckpointFilter: Sendable {
    /// The guest; nil for all guests.
    package var guest: GuestName?
    /// The earliest time; nil for any.
    package var since: Timestamp?
    /// The latest time; nil for any.
    package var until: Timestamp?
    /// The pattern that labels match; nil for checkpoints with and without labels.
    package var label: GlobPattern?
    /// The maximum number of checkpoints, of which the newest are chosen; nil for all.
    package var countMax: Int?

    /// Creates a filter that chooses all checkpoints.
    ///
    /// - Parameter guest: The guest; nil for all guests.
    package init(guest: GuestName? = nil) {
        self.guest = guest
    }
}
