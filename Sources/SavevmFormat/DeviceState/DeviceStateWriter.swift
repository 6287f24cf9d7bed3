package import Codecs
package import GuestMemory
package import SnapSystem

/// A writer of a device-state file: the contents of the sections, then the section table.
///
/// The caller publishes the file before the savevm file that names it. Until that savevm file
/// exists, the device-state file is a leftover.
package struct DeviceStateWriter: ~Copyable {
    private let header: FileHeader
    private var clusters: SectionClusterWriter
    private var base: SharedSections?
    /// The most bytes between the header and the trailer.
    private let contentByteCountMax: Int
    private var states: [StoredDeviceState] = []
    private var contents: [SectionContent] = []
    private var tableExtent = Trailer.Extent.none

    /// Between header and trailer, a base has at least this many times the bytes of a file that
    /// shares with it.
    private static let baseFactor = 4

    /// Creates a writer and starts the file, which has no name until `publish`.
    ///
    /// - Parameters:
    ///   - directory: The guest's directory.
    ///   - header: The file's header, which names the base.
    ///   - base: The file with which this one shares sections; nil without a base.
    ///   - compression: The codec, which must be the header's, and the level.
    /// - Throws: `.permission` or `.inputOutput`; `.internalFailure` if the codec cannot be set up.
    package init(
        in directory: Directory, _ header: FileHeader, base: DeviceStateFile?,
        compression: Compression
    ) throws(SnapError) {
        precondition(header.kind == .deviceState && header.base == base?.reference)
        precondition(header.codec == compression.codec)
        let pending = try PendingFile(
            in: directory, for: FileName.deviceState(header.number).text)
        try pending.file.write(header.encode(), at: 0)
        clusters = try SectionClusterWriter(
            pending, at: FileHeader.byteCount, compression: compression)
        self.header = header
        self.base = base.map { SharedSections(of: $0) }
        contentByteCountMax = base.map { $0.contentByteCount / Self.baseFactor } ?? .max
    }

    /// Starts the next device state; the sections that follow belong to it.
    ///
    /// - Parameters:
    ///   - kind: The kind of the device state.
    ///   - name: The device state's name.
    package mutating func begin(_ kind: StoredDeviceState.Kind, name: GuestName) {
        states.append(StoredDeviceState(kind: kind, name: name.description))
    }

    /// Whether the file has more than a quarter of its base's bytes.
    ///
    /// Then a file without a base is better: it can be the base of later ones. `append` ignores
    /// what follows, and the caller must discard the writer.
    package var sharesTooLittle: Bool {
        clusters.offset - FileHeader.byteCount > contentByteCountMax
    }

    /// Appends a section, whose bytes are in a file, to the current device state.
    ///
    /// After a failure, the caller must discard the writer.
    ///
    /// - Parameters:
    ///   - identity: The section's kind, name and ids.
    ///   - source: The file that contains the section's bytes.
    ///   - range: The section's bytes in the file.
    ///   - state: The bytes of the section that are the device's own state; nil for all of them.
    /// - Throws: `.inputDamaged` if the file ends before the section; `.inputOutput`; `.mismatch`
    ///   if a limit on device sections is exceeded; `.damaged` for the base.
    package mutating func append(
        _ identity: StoredSection.Identity, from source: borrowing File, _ range: Range<Int>,
        state: Range<Int>? = nil
    ) throws(SnapError) {
        guard contents.count < Limits.deviceSectionCountMax else {
            throw SnapError(
                .mismatch, "exceeds the limit of \(Limits.deviceSectionCountMax) device sections",
                path: source.path)
        }
        guard range.count <= Limits.deviceSectionByteCountMax else {
            throw SnapError(
                .mismatch,
                "device section is longer than \(Limits.deviceSectionByteCountMax) bytes",
                path: source.path)
        }
        let shared = sharedSection(for: identity, byteCount: range.count)
        var pieces: [SectionPiece] = []
        for start in stride(from: 0, to: range.count, by: Limits.clusterByteCountMax) {
            let offset = range.lowerBound + start
            let byteCount = min(Limits.clusterByteCountMax, range.count - start)
            let piece = try source.read(byteCount: byteCount, at: offset)
            guard piece.count == byteCount else {
                throw SnapError(
                    .inputDamaged,
                    "device state ends early: \(piece.count) bytes, expected \(byteCount)",
                    path: source.path, offset: offset)
            }
            pieces.append(try encode(piece, at: pieces.count, sharing: shared))
            if sharesTooLittle { return }
        }
        append(identity, pieces, byteCount: range.count, sharing: shared, state: state)
    }

    /// Appends a section, whose bytes are in memory, to the current device state.
    ///
    /// After a failure, the caller must discard the writer.
    ///
    /// - Parameters:
    ///   - identity: The section's kind, name and ids.
    ///   - bytes: The section's bytes.
    /// - Throws: `.inputOutput`; `.damaged` for the base.
    package mutating func append(
        _ identity: StoredSection.Identity, bytes: [UInt8]
    ) throws(SnapError) {
        let shared = sharedSection(for: identity, byteCount: bytes.count)
        let pieces = try encode(bytes, sharing: shared)
        append(identity, pieces, byteCount: bytes.count, sharing: shared, state: nil)
    }

    private mutating func sharedSection(
        for identity: StoredSection.Identity, byteCount: Int
    ) -> Int? {
        base?.next(identity, in: states[states.count - 1].name, byteCount: byteCount)
    }

    private mutating func append(
        _ identity: StoredSection.Identity, _ pieces: [SectionPiece], byteCount: Int,
        sharing shared: Int?, state: Range<Int>?
    ) {
        let content = SectionContent(byteCount: byteCount, baseSection: shared, pieces: pieces)
        let section = StoredSection(
            identity, number: contents.count, content,
            state: (state ?? 0..<byteCount).clamped(to: 0..<byteCount))
        contents.append(content)
        states[states.count - 1].sections.append(section)
    }

    private mutating func encode(
        _ bytes: [UInt8], sharing shared: Int?
    ) throws(SnapError) -> [SectionPiece] {
        var pieces: [SectionPiece] = []
        for start in stride(from: 0, to: bytes.count, by: Limits.clusterByteCountMax) {
            let end = min(start + Limits.clusterByteCountMax, bytes.count)
            pieces.append(
                try encode(Array(bytes[start..<end]), at: pieces.count, sharing: shared))
        }
        return pieces
    }

    /// Stores a piece as its difference from the base's, or as it is.
    private mutating func encode(
        _ piece: [UInt8], at index: Int, sharing shared: Int?
    ) throws(SnapError) -> SectionPiece {
        try piece.withBytes { (bytes) throws(SnapError) in
            let form: SectionPiece.Form
            switch try difference(of: bytes, at: index, from: shared) {
            case .none: form = .same
            case .runs(let runs):
                let place = try runs.withBytes { (runs) throws(SnapError) in
                    try clusters.append(runs)
                }
                form = .runs(place, encodedByteCount: runs.count)
            case .all: form = .literal(try clusters.append(bytes))
            }
            return SectionPiece(
                form: form, byteCount: piece.count,
                checksum: form == .same ? nil : Hash128(checksumOf: bytes))
        }
    }

    private mutating func difference(
        of piece: RawSpan, at index: Int, from shared: Int?
    ) throws(SnapError) -> SharedSections.Difference {
        guard let shared else { return .all }
        return try base?.difference(of: piece, at: index, from: shared) ?? .all
    }

    /// Descriptions of the sections so far, for the index.
    package var summaries: [DeviceSection] { states.flatMap(\.summaries) }

    // MARK: Completing the file

    /// Appends the section list and the section table, after all sections.
    ///
    /// - Throws: `.mismatch` if the list or the table is too long; `.inputOutput`; `.damaged` for
    ///   the base.
    package mutating func finish() throws(SnapError) {
        let list = StoredDeviceState.encode(states)
        try check(list, "section list", byteCountMax: DeviceStateFile.listByteCountMax)
        let shared = base?.list(byteCount: list.count)
        contents.append(
            SectionContent(
                byteCount: list.count, baseSection: shared,
                pieces: try encode(list, sharing: shared)))
        try clusters.flush()
        let table = SectionTable(clusters: clusters.clusters, contents: contents).encode()
        try check(table, "section table", byteCountMax: Limits.sectionByteCountMax)
        tableExtent = Trailer.Extent(
            offset: clusters.offset, byteCount: table.count,
            checksum: table.withBytes { Hash128(checksumOf: $0) })
        try clusters.write(table)
    }

    private func check(
        _ bytes: [UInt8], _ what: String, byteCountMax: Int
    ) throws(SnapError) {
        guard bytes.count <= byteCountMax else {
            throw SnapError(
                .mismatch,
                "device state is too long: its \(what) has \(bytes.count) bytes, expected at most "
                    + "\(byteCountMax)", path: clusters.path)
        }
    }

    /// Appends the trailer, makes the file durable and gives it its name.
    ///
    /// On failure, the file does not exist.
    ///
    /// - Returns: The seal of the file, for the savevm file.
    /// - Throws: `.cannotCreate` if the name is taken; `.inputOutput` or `.permission`.
    package consuming func publish() throws(SnapError) -> DeviceStateSeal {
        let trailer = Trailer(
            sections: [tableExtent], itemCount: contents.count - 1,
            fileByteCount: clusters.offset + Trailer.byteCount, checkpointID: header.checkpointID,
            headerChecksum: header.checksum
        ).encode(.deviceState)
        try clusters.write(trailer)
        let seal = DeviceStateSeal(
            byteCount: clusters.offset, checksum: trailer.withBytes { Hash128(checksumOf: $0) })
        try clusters.publish(as: .deviceState(header.number))
        return seal
    }
}
