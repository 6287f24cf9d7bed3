package import Codecs
package import GuestMemory
package import SnapSystem

/// A writer of a device-state file: the pieces of each section, then the section table.
///
/// The caller publishes the file before the savevm file that names it. Until that savevm file
/// exists, the device-state file is a leftover.
package struct DeviceStateWriter: ~Copyable {
    private let header: FileHeader
    private let pending: PendingFile
    private let deflater: Deflater
    private var offset: Int
    private var states: [StoredDeviceState] = []
    private var sectionCount = 0

    /// Creates a writer and starts the file, which has no name until `publish`.
    ///
    /// - Parameters:
    ///   - directory: The guest's directory.
    ///   - header: The file's header.
    ///   - compression: How hard to compress the pieces.
    /// - Throws: `.permission` or `.inputOutput`; `.internalFailure` if the codec cannot be set up.
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

    /// Starts the next device state; the sections that follow belong to it.
    ///
    /// - Parameters:
    ///   - kind: The kind of the device state.
    ///   - name: The device state's name.
    package mutating func begin(_ kind: StoredDeviceState.Kind, name: GuestName) {
        states.append(StoredDeviceState(kind: kind, name: name.description))
    }

    /// Appends a section, whose bytes are in a file, to the current device state.
    ///
    /// After a failure, the caller must discard the writer.
    ///
    /// - Parameters:
    ///   - identity: The section's kind, name and ids.
    ///   - source: The file that contains the section's bytes.
    ///   - range: The section's bytes in the file. The section ends early if the file does.
    ///   - state: The bytes of the section that are the device's own state; nil for all of them.
    /// - Throws: `.inputOutput`; `.mismatch` if a limit on device sections is exceeded.
    package mutating func append(
        _ identity: StoredSection.Identity, from source: borrowing File, _ range: Range<Int>,
        state: Range<Int>? = nil
    ) throws(SnapError) {
        sectionCount += 1
        guard sectionCount <= Limits.deviceSectionCountMax else {
            throw SnapError(
                .mismatch, "exceeds the limit of \(Limits.deviceSectionCountMax) device sections",
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

    /// Appends a section, whose bytes are in memory, to the current device state.
    ///
    /// After a failure, the caller must discard the writer.
    ///
    /// - Parameters:
    ///   - identity: The section's kind, name and ids.
    ///   - bytes: The section's bytes.
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

    /// Descriptions of the sections so far, for the index.
    package var summaries: [DeviceSection] { states.flatMap(\.summaries) }

    /// Completes the file, makes it durable and gives it its name.
    ///
    /// On failure, the file does not exist.
    ///
    /// - Returns: The seal of the file, for the savevm file.
    /// - Throws: `.cannotCreate` if the name is taken; `.mismatch` if the section table is too
    ///   long; `.inputOutput` or `.permission`.
    package consuming func publish() throws(SnapError) -> DeviceStateSeal {
        let table = StoredDeviceState.encode(states)
        guard table.count <= Limits.sectionByteCountMax else {
            throw SnapError(
                .mismatch, "device state is too long: its section table has \(table.count) bytes",
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
