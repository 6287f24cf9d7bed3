import GuestMemory
package import SnapSystem

/// Checks device-state files, and reads the content of each base only once.
package struct DeviceStateVerifier {
    /// The damage in the files without a base that have been checked, by the files' checksums.
    private var damage: [Hash128: [PieceOrigin: SnapError]] = [:]

    /// Creates a verifier that has checked no file.
    package init() {}

    /// Checks that all sections of a file can be read, and are what was saved.
    ///
    /// - Parameter file: The open file.
    /// - Throws: `.damaged` with the offset, in the file or in its base; `.inputOutput` or
    ///   `.interrupted`.
    package mutating func check(_ file: DeviceStateFile) throws(SnapError) {
        let sections = file.sections
        guard let base = sections.base else {
            let damage = try damage(in: sections).values
            if let first = damage.min(by: { $0.offset ?? 0 < $1.offset ?? 0 }) { throw first }
            return
        }
        let lost = try damage(in: base)
        var pieces = SectionReader(sections)
        for (number, content) in sections.table.contents.enumerated() {
            for (index, piece) in content.pieces.enumerated() {
                if piece.form != .same {
                    try pieces.withPiece(index, ofSection: number, named: Self.name) { _ in }
                } else if let error = lost[sections.origin(ofPiece: index, section: number)] {
                    throw error
                }
            }
        }
    }

    private static let name = "device section"

    /// Finds the damaged pieces of a file without a base.
    private mutating func damage(
        in file: SectionFile
    ) throws(SnapError) -> [PieceOrigin: SnapError] {
        if let known = damage[file.trailerChecksum] { return known }
        var found: [PieceOrigin: SnapError] = [:]
        var pieces = SectionReader(file)
        for (number, content) in file.table.contents.enumerated() {
            for index in content.pieces.indices {
                try Interruption.check()
                do throws(SnapError) {
                    try pieces.withPiece(index, ofSection: number, named: Self.name) { _ in }
                } catch {
                    guard error.isDamage else { throw error }
                    found[file.origin(ofPiece: index, section: number)] = error
                }
            }
        }
        damage[file.trailerChecksum] = found
        return found
    }
}
