import GuestMemory

/// What is known of a stored page.
package struct Record: Sendable, Equatable {
    /// How a page's bytes are encoded.
    package enum Form: Sendable, Equatable {
        /// As they are.
        case literal
        /// As runs against a literal page of a lower location.
        case delta(base: Location)
        /// Not at all: nothing live reaches the slot.
        case dead
    }

    /// The digest of the page.
    package let digest: Hash128
    /// How its bytes are encoded.
    package let form: Form
    /// The length of the encoding in bytes.
    package let encodedByteCount: Int

    /// The record of a page that is encoded as it is.
    ///
    /// - Parameter digest: The page's digest.
    package static func literal(_ digest: Hash128) -> Record {
        Record(digest: digest, form: .literal, encodedByteCount: Page.byteCount)
    }

    /// The record of a page that is encoded as a delta.
    ///
    /// - Parameters:
    ///   - digest: The page's digest.
    ///   - base: The literal page it differs from.
    ///   - encodedByteCount: The length of the runs in bytes.
    package static func delta(
        _ digest: Hash128, base: Location, encodedByteCount: Int
    ) -> Record {
        Record(digest: digest, form: .delta(base: base), encodedByteCount: encodedByteCount)
    }
}
