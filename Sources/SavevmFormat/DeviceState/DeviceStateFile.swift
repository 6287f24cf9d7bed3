import Codecs
import GuestMemory
package import SnapSystem
package import SystemPackage

/// A complete device-state file, open for reading.
///
/// Reading it does not read any RAM pages.
package struct DeviceStateFile: ~Copyable {
    /// The device states in the file, in the order in which the save received them.
    package let states: [StoredDeviceState]
    private let file: EnvelopedFile

    /// Opens a file, and checks that it is complete and belongs to a checkpoint.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - directory: The guest's directory.
    ///   - seal: The seal of the file, from the checkpoint's savevm file.
    ///   - checkpointID: The checkpoint's id.
    /// - Throws: `.notFound` or `.permission`; `.damaged` with the offset; `.unsupported`.
    init(
        _ name: FileName, in directory: Directory, sealed seal: DeviceStateSeal,
        checkpointID: Identifier
    ) throws(SnapError) {
        let file = try EnvelopedFile(name, in: directory, .deviceState)
        let offset = file.trailer.fileByteCount - Trailer.byteCount
        let trailer = try file.read(byteCount: Trailer.byteCount, at: offset, "trailer")
        guard file.header.checkpointID == checkpointID,
            file.trailer.fileByteCount == seal.byteCount,
            trailer.withBytes({ Hash128(checksumOf: $0) }) == seal.checksum
        else {
            throw SnapError(
                .damaged, "is not the device-state file of its checkpoint",
                path: file.path)
        }
        var reader = try file.reader(of: .sectionTable)
        states = try StoredDeviceState.decode(
            &reader, sectionCount: file.trailer.itemCount, end: file.trailer[.sectionTable].offset)
        self.file = file
    }

    /// The file's path.
    package var path: FilePath { file.path }

    /// Reads all bytes of a section into memory.
    ///
    /// - Parameter section: The section, which must be known to be short.
    /// - Returns: The section's bytes.
    /// - Throws: `.damaged` with the offset; `.inputOutput`.
    package func bytes(of section: StoredSection) throws(SnapError) -> [UInt8] {
        var bytes: [UInt8] = []
        try read(section) { bytes.append(copying: $0) }
        return bytes
    }

    /// Reads a section piece by piece, and checks each piece before it is used.
    ///
    /// - Parameters:
    ///   - section: The section.
    ///   - body: Receives the content of the pieces, at most 64 KiB each, in order.
    /// - Throws: `.damaged` with the offset; `.inputOutput`; any error of `body`.
    package func read(
        _ section: StoredSection, _ body: (RawSpan) throws(SnapError) -> Void
    ) throws(SnapError) {
        let decompressor = Decompressor()
        var content = MemoryBuffer(byteCount: Limits.clusterByteCountMax)
        var offset = section.firstOffset
        for piece in section.pieces {
            try read(piece, of: section, at: offset, by: decompressor, into: &content)
            try content.withBytes(0..<piece.byteCount) { (content) throws(SnapError) in
                try body(content)
            }
            offset += piece.storedByteCount
        }
    }

    private func read(
        _ piece: SectionPiece, of section: StoredSection, at offset: Int,
        by decompressor: borrowing Decompressor, into content: inout MemoryBuffer
    ) throws(SnapError) {
        let stored = try file.read(byteCount: piece.storedByteCount, at: offset, "device section")
        try ByteReader(stored, path: file.path, startOffset: offset)
            .check(piece.checksum, "device section")
        let range = 0..<piece.byteCount
        let isDecoded = stored.withBytes { stored in
            content.withMutableBytes(range) { content in
                decompressor.decode(stored, piece.codec, into: &content)
            }
        }
        let checksum = content.withBytes(range) { Hash128(checksumOf: $0) }
        guard isDecoded, checksum == piece.contentChecksum else {
            throw SnapError(
                .damaged, "device section \(section.identity.name) differs from what was saved",
                path: file.path, offset: offset)
        }
    }

    /// Counts the bytes of a device's own state that differ from those in another checkpoint.
    ///
    /// If the states have different lengths, all bytes after the end of the shorter one count.
    ///
    /// - Parameters:
    ///   - section: The section of the device in this file.
    ///   - other: The section of the device in the other checkpoint.
    ///   - file: The other checkpoint's device-state file.
    /// - Returns: The number of bytes that differ.
    /// - Throws: `.damaged` with the offset; `.inputOutput`.
    package func differingByteCount(
        of section: StoredSection, from other: StoredSection, in file: borrowing DeviceStateFile
    ) throws(SnapError) -> Int {
        let common = min(section.state.count, other.state.count)
        var count = max(section.state.count, other.state.count) - common
        let step = Limits.clusterByteCountMax
        for start in stride(from: 0, to: common, by: step) {
            let part = start..<min(start + step, common)
            let mine = try bytes(of: section, part)
            let theirs = try file.bytes(of: other, part)
            if mine != theirs { count += zip(mine, theirs).count { $0 != $1 } }
        }
        return count
    }

    /// Reads some bytes of a device's own state; the range is relative to the state's start.
    private func bytes(
        of section: StoredSection, _ range: Range<Int>
    ) throws(SnapError) -> [UInt8] {
        let wanted =
            section.state.lowerBound + range.lowerBound..<section.state.lowerBound
            + range.upperBound
        let decompressor = Decompressor()
        var content = MemoryBuffer(byteCount: Limits.clusterByteCountMax)
        var bytes: [UInt8] = []
        var start = 0
        var offset = section.firstOffset
        for piece in section.pieces {
            let part = wanted.clamped(to: start..<start + piece.byteCount)
            if !part.isEmpty {
                try read(piece, of: section, at: offset, by: decompressor, into: &content)
                content.withBytes(part.lowerBound - start..<part.upperBound - start) {
                    bytes.append(copying: $0)
                }
            }
            start += piece.byteCount
            offset += piece.storedByteCount
        }
        return bytes
    }
}
