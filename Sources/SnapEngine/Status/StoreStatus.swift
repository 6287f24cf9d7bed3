package import GuestMemory
package import SnapSystem

/// The condition of a store and its guests at a time.
package struct StoreStatus: Sendable {
    /// The condition of one guest.
    package struct Guest: Sendable {
        /// The guest's name.
        package let name: GuestName
        /// The newest checkpoint whose savevm file exists; nil without one.
        package let newest: Checkpoint?
        /// The number of checkpoints.
        package let checkpointCount: Int
        /// The disk use of the guest's files in bytes, retired files included.
        package let diskByteCount: Int
        /// What the last reclamation of space found and left; nil without one.
        package let reclamation: ReclamationRecord?
        /// The time of the oldest verification of one of its files; nil if none was verified.
        package let oldestVerification: Timestamp?
        /// The number of savevm files, live or retired, that were never verified completely.
        package let unverifiedFileCount: Int
        /// The damage that verifications have recorded.
        package let damage: [DamageRecord]
        /// The checkpoints that cannot be restored completely, according to the last verification.
        package let damagedCheckpoints: [Int]
        /// Whether the newest checkpoint is older than the caller allows.
        package let isTooOld: Bool
    }

    /// The time of the inspection.
    package let time: Timestamp
    /// The guests that have checkpoints or were named, ordered by name.
    package let guests: [Guest]
    /// The disk use of the store in bytes.
    package let diskByteCount: Int
    /// The number of bytes that can be written to the store's file system.
    package let freeByteCount: Int
    /// The size of the store's file system in bytes.
    package let fileSystemByteCount: Int
}
