import GuestMemory

/// The place at which a piece of a device section is stored; equal places have equal content.
struct PieceOrigin: Hashable {
    /// The checksum of the file's trailer, which identifies the file.
    let file: Hash128
    /// The number of the section in the file.
    let section: Int
    /// The index of the piece in the section.
    let piece: Int
}

extension SectionFile {
    /// Returns the place at which a piece is stored: in this file, or in its base.
    func origin(ofPiece piece: Int, section number: Int) -> PieceOrigin {
        let section = table.contents[number]
        if section.pieces[piece].form == .same, let base, let shared = section.baseSection {
            return PieceOrigin(file: base.trailerChecksum, section: shared, piece: piece)
        }
        return PieceOrigin(file: trailerChecksum, section: number, piece: piece)
    }
}
