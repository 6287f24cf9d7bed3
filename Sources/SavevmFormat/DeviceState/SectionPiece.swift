import GuestMemory
import SnapSystem

/// A piece of a device section: 64 KiB, or less at the section's end.
struct SectionPiece: Sendable, Equatable {
    /// The position of a piece's encoding.
    struct Place: Sendable, Equatable {
        /// The index of the cluster.
        let cluster: Int
        /// The offset of the encoding in the decoded cluster.
        let offset: Int
    }

    /// The ways to store a piece.
    enum Form: Sendable, Equatable {
        /// The piece's bytes.
        case literal(Place)
        /// No bytes: the base has the same piece.
        case same
        /// Runs against the base's piece, with the length of their encoding.
        case runs(Place, encodedByteCount: Int)
    }

    /// How the piece is stored.
    let form: Form
    /// The length of the piece in bytes.
    let byteCount: Int
    /// The checksum of the piece's bytes; nil if the base has it.
    let checksum: Hash128?

    /// The cluster that contains the piece's encoding; nil if it has none.
    var cluster: Int? {
        switch form {
        case .literal(let place), .runs(let place, _): place.cluster
        case .same: nil
        }
    }
}
