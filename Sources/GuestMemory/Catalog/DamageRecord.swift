package import SnapSystem

/// The record of a damaged part, which a verification has found.
package struct DamageRecord: Sendable, Equatable {
    /// The part.
    package let part: DamagedPart
    /// The time of the verification that found it first.
    package let foundAt: Timestamp
    /// What was found and what was expected.
    package let message: String
    /// The offset of the damage in the file, in bytes; nil if it is not known.
    package let offset: Int?

    /// Creates a record from its properties.
    package init(part: DamagedPart, foundAt: Timestamp, message: String, offset: Int?) {
        self.part = part
        self.foundAt = foundAt
        self.message = message
        self.offset = offset
    }
}
