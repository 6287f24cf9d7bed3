package import GuestMemory
package import SnapSystem

/// A damaged part, and the error that reading it causes.
package struct FoundDamage: Sendable, Equatable {
    /// The part.
    package let part: DamagedPart
    /// The error, with the path and the offset.
    package let error: SnapError

    /// Creates a finding from its properties.
    package init(_ part: DamagedPart, _ error: SnapError) {
        self.part = part
        self.error = error
    }

    /// Whether the content is wrong or missing, and not just unreadable at the moment.
    ///
    /// An I/O error can be one of a cable, and a later version of snap can read its own files.
    package var isWrongContent: Bool { error.code == .damaged || error.code == .notFound }
}
