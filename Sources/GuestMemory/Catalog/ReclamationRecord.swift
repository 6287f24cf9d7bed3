package import SnapSystem

/// The record of what the last reclamation of a guest's space has found and left.
package struct ReclamationRecord: Sendable, Equatable {
    /// The time of the reclamation.
    package let time: Timestamp
    /// The bytes of deleted checkpoints that no checkpoint needs, and that were left.
    package let unneededByteCount: Int

    /// Creates a record from its properties.
    package init(time: Timestamp, unneededByteCount: Int) {
        self.time = time
        self.unneededByteCount = unneededByteCount
    }
}
