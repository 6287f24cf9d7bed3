import SnapSystem

/// The stored content of a device section, without its name and ids.
struct SectionContent: Sendable, Equatable {
    /// The length of the section in bytes.
    let byteCount: Int
    /// The number of the base's section that has the pieces which this one shares; nil without one.
    let baseSection: Int?
    /// The pieces, which cover the section.
    let pieces: [SectionPiece]

    /// Returns the indices of the pieces that contain some of the section's bytes.
    func pieceIndices(of range: Range<Int>) -> Range<Int> {
        if range.isEmpty { return 0..<0 }
        let size = Limits.clusterByteCountMax
        return range.lowerBound / size..<(range.upperBound - 1) / size + 1
    }
}

extension SectionContent {
    /// Decodes the content of the next section in a section table.
    ///
    /// - Throws: `.damaged`.
    init(
        _ reader: inout ByteReader, base: SectionTable?, _ placing: inout PiecePlacing
    ) throws(SnapError) {
        let shared = try reader.varint("base section")
        let length: UInt64
        if shared > 0 {
            guard let base, shared <= UInt64(base.contents.count) else {
                throw reader.damage(
                    "base section is \(shared - 1), expected one of "
                        + "\(base?.contents.count ?? 0)")
            }
            baseSection = Int(shared) - 1
            length = UInt64(base.contents[Int(shared) - 1].byteCount)
        } else {
            baseSection = nil
            length = try reader.varint("section length")
        }
        guard length <= UInt64(Limits.deviceSectionByteCountMax) else {
            throw reader.damage(
                "section length is \(length), expected at most "
                    + "\(Limits.deviceSectionByteCountMax)")
        }
        byteCount = Int(length)
        var pieces: [SectionPiece] = []
        for start in stride(from: 0, to: byteCount, by: Limits.clusterByteCountMax) {
            let byteCount = min(Limits.clusterByteCountMax, byteCount - start)
            let form = try Self.form(
                &reader, byteCount: byteCount, hasBase: baseSection != nil, &placing)
            let checksum = form == .same ? nil : try reader.hash("checksum of a piece")
            pieces.append(SectionPiece(form: form, byteCount: byteCount, checksum: checksum))
        }
        self.pieces = pieces
    }

    private static func form(
        _ reader: inout ByteReader, byteCount: Int, hasBase: Bool, _ placing: inout PiecePlacing
    ) throws(SnapError) -> SectionPiece.Form {
        let form = try reader.varint("form of a piece")
        if form == 0 { return .literal(try placing.place(byteCount, reader)) }
        // Runs are shorter than the piece; otherwise the piece would be literal.
        guard hasBase, form <= UInt64(byteCount) else {
            throw reader.damage(
                "form of a piece is \(form), expected 0\(hasBase ? " to \(byteCount)" : "")")
        }
        if form == 1 { return .same }
        let encodedByteCount = Int(form) - 1
        return .runs(
            try placing.place(encodedByteCount, reader), encodedByteCount: encodedByteCount)
    }
}
