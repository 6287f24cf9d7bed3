package import Codecs
package import GuestMemory
package import SnapSystem

/// Writes a device-state file: each section's bytes in clusters, then the table of sections.
///
/// It is published before the savevm file that names it, and is a leftover until then.
package struct DeviceStateWriter: ~Copyable {
    private let header: FileHeader
    private let pending: PendingFile
    private let deflater: Deflater
    private var offset: Int
    private var states: [StoredDeviceState] = []
    private var sectionCount = 0

    /// Begins a file.
    ///
    /// - Parameters:
    ///   - directory: The guest's directory.
    ///   - header: What the file is and whose.
    ///   - compression: How hard to compress.
    /// - Throws: `.permission` or `.inputOutput`.
    package init(
        in directory: Directory, _ header: FileHeader, compression: CompressionLevel
    ) throws(SnapError) {
        precondition(header.kind == .deviceState)
        let deflater = try Deflater(compression)
        let pending = try PendingFile(
            in: directory, for: FileName.deviceState(header.number).text)
        try pending.file.write(header.encode(), at: 0)
        self.header = header
        self.pending = pending
        self.deflater = deflater
        offset = FileHeader.byteCount
    }

    /// Begins what belongs to a device-state file that was given.
    ///
    /// - Parameters:
    ///   - kind: What sort of file it is.
    ///   - name: Its name.
    package mutating func begin(_ kind: StoredDeviceState.Kind, name: GuestName) {
        states.append(StoredDeviceState(kind: kind, name: name.description))
    }

    /// Appends a section of the file that was begun last.
    ///
    /// On failure the writer must be abandoned.
    ///
    /// - Parameters:
    ///   - identity: What it is.
    ///   - source: The file that holds its bytes.
    ///   - range: Which of them are the section, to the file's end if that comes first.
    ///   - state: Which bytes of the section are the device's own; nil for all of them.
    /// - Throws: `.inputOutput`, or `.mismatch` past the limits on sections.
    package mutating func append(
        _ identity: StoredSection.Identity, from source: borrowing File, _ range: Range<Int>,
        state: Range<Int>? = nil
    ) throws(SnapError) {
        sectionCount += 1
        guard sectionCount <= Limits.deviceSectionCountMax else {
            throw SnapError(
                .mismatch, "is one device section too many: \(Limits.deviceSectionCountMax) fit",
                path: source.path)
        }
        var section = StoredSection(identity, firstOffset: offset)
        while section.byteCount < range.count {
            let piece = try source.read(
                byteCount: min(Limits.clusterByteCountMax, range.count - section.byteCount),
                at: range.lowerBound + section.byteCount)
            if piece.isEmpty { break }
            guard section.byteCount + piece.count <= Limits.deviceSectionByteCountMax else {
                throw SnapError(
                    .mismatch,
                    "device section is longer than \(Limits.deviceSectionByteCountMax) bytes",
                    path: source.path)
            }
            try append(piece, to: &section)
        }
        section.state = (state ?? 0..<section.byteCount).clamped(to: 0..<section.byteCount)
        states[states.count - 1].sections.append(section)
    }

    /// Appends a section that is not in a file.
    ///
    /// On failure the writer must be abandoned.
    ///
    /// - Parameters:
    ///   - identity: What it is.
    ///   - bytes: Its bytes.
    /// - Throws: `.inputOutput`.
    package mutating func append(
        _ identity: StoredSection.Identity, bytes: [UInt8]
    ) throws(SnapError) {
        sectionCount += 1
        var section = StoredSection(identity, firstOffset: offset)
        for start in stride(from: 0, to: bytes.count, by: Limits.clusterByteCountMax) {
            let end = min(start + Limits.clusterByteCountMax, bytes.count)
            try append(Array(bytes[start..<end]), to: &section)
        }
        states[states.count - 1].sections.append(section)
    }

    private mutating func append(
        _ piece: [UInt8], to section: inout StoredSection
    ) throws(SnapError) {
        var stored: [UInt8] = []
        let codec = try piece.withBytes { (piece) throws(SnapError) in
            try deflater.deflate(piece, appendingTo: &stored)
        }
        try append(stored)
        section.append(
            SectionPiece(
                codec: codec, byteCount: piece.count, storedByteCount: stored.count,
                checksum: stored.withBytes { Hash128(checksumOf: $0) },
                contentChecksum: piece.withBytes { Hash128(checksumOf: $0) }))
    }

    private mutating func append(_ bytes: [UInt8]) throws(SnapError) {
        try pending.file.write(bytes, at: offset)
        offset += bytes.count
    }

    /// The sections so far, as the index speaks of them.
    package var summaries: [DeviceSection] { states.flatMap(\.summaries) }

    /// Completes the file, makes it durable and gives it its name.
    ///
    /// On failure the file is gone.
    ///
    /// - Returns: What the savevm file says of it.
    /// - Throws: `.cannotCreate` if the name is taken, `.inputOutput` or `.permission`.
    package consuming func publish() throws(SnapError) -> DeviceStateSeal {
        let table = StoredDeviceState.encode(states)
        guard table.count <= Limits.sectionByteCountMax else {
            throw SnapError(
                .mismatch, "the device state is too long: its table has \(table.count) bytes",
                path: pending.file.path)
        }
        let section = Trailer.Extent(
            offset: offset, byteCount: table.count,
            checksum: table.withBytes { Hash128(checksumOf: $0) })
        try append(table)
        let trailer = Trailer(
            sections: [section], itemCount: sectionCount,
            fileByteCount: offset + Trailer.byteCount, checkpointID: header.checkpointID,
            headerChecksum: header.checksum
        ).encode(.deviceState)
        try append(trailer)
        let seal = DeviceStateSeal(
            byteCount: offset, checksum: trailer.withBytes { Hash128(checksumOf: $0) })
        try pending.publish(durablyAs: FileName.deviceState(header.number).text)
        return seal
    }
}
