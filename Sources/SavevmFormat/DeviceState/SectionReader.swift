import GuestMemory
import SnapSystem

/// A reader of the pieces of a device-state file, which decodes each cluster once if the pieces are
/// read in order.
struct SectionReader: ~Copyable {
    let source: SectionFile
    private var own: SectionClusterReader
    private var base: SectionClusterReader?
    /// The bytes of the last piece.
    private var content = MemoryBuffer(byteCount: Limits.clusterByteCountMax)

    init(_ source: SectionFile) {
        self.source = source
        own = SectionClusterReader(source)
        base = source.base.map { SectionClusterReader($0) }
    }

    /// Reads a piece, and checks it before it is used.
    ///
    /// - Parameters:
    ///   - index: The index of the piece in its section.
    ///   - number: The number of the section.
    ///   - name: What the section is, for messages.
    ///   - body: Receives the piece's bytes.
    /// - Returns: The result of `body`.
    /// - Throws: `.damaged` with the offset; `.inputOutput`; and the errors of `body`.
    mutating func withPiece<Result>(
        _ index: Int, ofSection number: Int, named name: String,
        _ body: (RawSpan) throws(SnapError) -> Result
    ) throws(SnapError) -> Result {
        let section = source.table.contents[number]
        let piece = section.pieces[index]
        let range = 0..<piece.byteCount
        switch piece.form {
        case .literal(let place):
            try own.copy(place, byteCount: piece.byteCount, into: &content)
        case .same:
            try readBasePiece(index, of: section, name)
        case .runs(let place, let byteCount):
            try readBasePiece(index, of: section, name)
            let isApplied = try own.apply(place, byteCount: byteCount, to: &content, range)
            guard isApplied else { throw damage(piece, name) }
        }
        if let checksum = piece.checksum {
            guard content.withBytes(range, { Hash128(checksumOf: $0) }) == checksum else {
                throw damage(piece, name)
            }
        }
        return try content.withBytes(range) { (bytes) throws(SnapError) in try body(bytes) }
    }

    private mutating func readBasePiece(
        _ index: Int, of section: SectionContent, _ name: String
    ) throws(SnapError) {
        guard let file = source.base, let number = section.baseSection,
            case .literal(let place) = file.table.contents[number].pieces[index].form
        else { throw SnapError(.internalFailure, "piece has no base") }
        let piece = file.table.contents[number].pieces[index]
        try base?.copy(place, byteCount: piece.byteCount, into: &content)
        let found = content.withBytes(0..<piece.byteCount) { Hash128(checksumOf: $0) }
        guard found == piece.checksum else {
            throw Self.damage(piece, name, in: file)
        }
    }

    private func damage(_ piece: SectionPiece, _ name: String) -> SnapError {
        Self.damage(piece, name, in: source)
    }

    private static func damage(
        _ piece: SectionPiece, _ name: String, in file: SectionFile
    ) -> SnapError {
        SnapError(
            .damaged, "\(name) differs from what was saved", path: file.path,
            offset: piece.cluster.map(file.offset(ofCluster:)))
    }
}
