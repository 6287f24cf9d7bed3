import GuestMemory
package import SnapSystem

/// A reader of the sections of a device-state file.
///
/// It is fastest if the sections are read in their order.
package struct DeviceStateReader: ~Copyable {
    private var pieces: SectionReader

    /// Creates a reader.
    ///
    /// - Parameter file: The open file.
    package init(_ file: DeviceStateFile) {
        pieces = SectionReader(file.sections)
    }

    /// Reads a section piece by piece, and checks each piece before it is used.
    ///
    /// - Parameters:
    ///   - section: The section.
    ///   - body: Receives the content of the pieces, at most 64 KiB each, in order.
    /// - Throws: `.damaged` with the offset; `.inputOutput`; any error of `body`.
    package mutating func read(
        _ section: StoredSection, _ body: (RawSpan) throws(SnapError) -> Void
    ) throws(SnapError) {
        for index in section.content.pieces.indices {
            try pieces.withPiece(
                index, ofSection: section.number, named: Self.name(of: section), body)
        }
    }

    /// Reads all bytes of a section into memory.
    ///
    /// - Parameter section: The section, which must be known to be short.
    /// - Returns: The section's bytes.
    /// - Throws: `.damaged` with the offset; `.inputOutput`.
    package mutating func bytes(of section: StoredSection) throws(SnapError) -> [UInt8] {
        var bytes: [UInt8] = []
        try read(section) { bytes.append(copying: $0) }
        return bytes
    }

    private static func name(of section: StoredSection) -> String {
        "device section \(section.identity.name)"
    }

    // MARK: Comparing

    /// Counts the bytes of a device's own state that differ from those in another checkpoint.
    ///
    /// If the states have different lengths, all bytes after the end of the shorter one count.
    /// Does not read pieces that both files share.
    ///
    /// - Parameters:
    ///   - section: The section of the device in this file.
    ///   - other: The section of the device in the other checkpoint.
    ///   - reader: The reader of the other checkpoint's device-state file.
    /// - Returns: The number of bytes that differ.
    /// - Throws: `.damaged` with the offset; `.inputOutput`.
    package mutating func differingByteCount(
        of section: StoredSection, from other: StoredSection, in reader: inout DeviceStateReader
    ) throws(SnapError) -> Int {
        let common = min(section.state.count, other.state.count)
        var count = max(section.state.count, other.state.count) - common
        let step = Limits.clusterByteCountMax
        for start in stride(from: 0, to: common, by: step) {
            let part = start..<min(start + step, common)
            let mine = section.state.lowerBound + part.lowerBound
            let theirs = other.state.lowerBound + part.lowerBound
            if mine == theirs,
                origins(of: section, mine..<mine + part.count)
                    == reader.origins(of: other, theirs..<theirs + part.count)
            {
                continue
            }
            let left = try bytes(of: section, mine..<mine + part.count)
            let right = try reader.bytes(of: other, theirs..<theirs + part.count)
            if left != right { count += zip(left, right).count { $0 != $1 } }
        }
        return count
    }

    /// Returns the places at which the pieces of a range are stored, in this file or in its base.
    private func origins(of section: StoredSection, _ range: Range<Int>) -> [PieceOrigin] {
        section.content.pieceIndices(of: range).map { index in
            pieces.source.origin(ofPiece: index, section: section.number)
        }
    }

    /// Reads some bytes of a section.
    private mutating func bytes(
        of section: StoredSection, _ range: Range<Int>
    ) throws(SnapError) -> [UInt8] {
        var bytes: [UInt8] = []
        for index in section.content.pieceIndices(of: range) {
            let start = index * Limits.clusterByteCountMax
            try pieces.withPiece(index, ofSection: section.number, named: Self.name(of: section)) {
                let part = range.clamped(to: start..<start + $0.byteCount)
                bytes.append(
                    copying: $0.extracting(part.lowerBound - start..<part.upperBound - start))
            }
        }
        return bytes
    }
}
