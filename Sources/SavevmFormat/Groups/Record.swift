import GuestMemory

/// The record of a stored page in the head of its group.
package struct Record: Sendable, Equatable {
    /// The form in which a page is encoded.
    package enum Form: Sendable, Equatable {
        /// The page's bytes.
        case literal
        /// Runs against a literal page at a lower location.
        case delta(base: Location)
        /// No bytes: nothing live points to the slot.
        case dead
    }

    /// The digest of the page, which is undefined if the slot is dead.
    package let digest: Hash128
    /// The form in which the page is encoded.
    package let form: Form
    /// The length of the encoding in bytes.
    package let encodedByteCount: Int

    /// The record of a slot without an encoding.
    static let dead = Record(digest: .none, form: .dead, encodedByteCount: 0)

    /// Creates the record of a literal page.
    ///
    /// - Parameter digest: The page's digest.
    /// - Returns: The record.
    package static func literal(_ digest: Hash128) -> Record {
        Record(digest: digest, form: .literal, encodedByteCount: Page.byteCount)
    }

    /// Creates the record of a page that is encoded as a delta.
    ///
    /// - Parameters:
    ///   - digest: The page's digest.
    ///   - base: The location of the delta's base, which must be literal.
    ///   - encodedByteCount: The length of the runs in bytes.
    /// - Returns: The record.
    package static func delta(
        _ digest: Hash128, base: Location, encodedByteCount: Int
    ) -> Record {
        Record(digest: digest, form: .delta(base: base), encodedByteCount: encodedByteCount)
    }
}
