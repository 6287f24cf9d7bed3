package import SnapSystem

/// The record of how far a checkpoint's files, live or retired, have been verified.
package struct VerifiedFile: Sendable, Equatable {
    /// The generation of the savevm file that was verified.
    package var generation: Int
    /// The time of the last complete verification; nil without one.
    package var verifiedAt: Timestamp?
    /// The group at which the next verification continues; 0 to start at the first one.
    package var resumeGroup: Int

    /// Creates a record from its properties.
    package init(generation: Int, verifiedAt: Timestamp?, resumeGroup: Int = 0) {
        self.generation = generation
        self.verifiedAt = verifiedAt
        self.resumeGroup = resumeGroup
    }
}
