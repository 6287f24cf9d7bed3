package import GuestMemory
package import SnapSystem

/// A new checkpoint's id and time.
package struct CheckpointStamp: Sendable {
    /// Its id.
    package let id: Identifier
    /// When its memory was at rest, as far as is known.
    package let createdAt: Timestamp

    /// Stamps a checkpoint; the parameters are the properties.
    package init(id: Identifier, createdAt: Timestamp) {
        self.id = id
        self.createdAt = createdAt
    }

    /// A new id, and the time.
    package static func now() -> CheckpointStamp {
        CheckpointStamp(id: .random(), createdAt: .now)
    }
}
