package import GuestMemory
package import SnapSystem

/// A new checkpoint's id and time.
package struct CheckpointStamp: Sendable {
    /// The checkpoint's id.
    package let id: Identifier
    /// The checkpoint's time, by default the time at which the save starts.
    package let createdAt: Timestamp

    /// Creates a stamp; the parameters are the properties of these names.
    package init(id: Identifier, createdAt: Timestamp) {
        self.id = id
        self.createdAt = createdAt
    }

    /// Creates a stamp for a checkpoint that is taken now.
    ///
    /// - Returns: A stamp with a random id and the current time.
    package static func now() -> CheckpointStamp {
        CheckpointStamp(id: .random(), createdAt: .now)
    }
}
