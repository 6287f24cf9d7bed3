import GuestMemory
import SnapSystem
import SystemPackage

/// An open savevm or device-state file with its header and trailer.
///
/// The header identifies the file. The trailer contains the position and checksum of each section,
/// and the header's checksum.
struct EnvelopedFile: ~Copyable, Sendable {
    let file: File
    let header: FileHeader
    let trailer: Trailer

    /// Opens a file, and checks its header and its trailer, and that they belong together.
    ///
    /// - Throws: `.notFound` or `.permission`; `.damaged` with the offset; `.unsupported`.
    init(
        _ name: FileName, in directory: Directory, _ kind: FileHeader.Kind
    ) throws(SnapError) {
        let file = try File(reading: name.text, in: directory)
        let path = file.path
        let headerBytes = try file.read(byteCount: FileHeader.byteCount, at: 0)
        let header = try FileHeader(headerBytes, kind, path: path)
        let fileByteCount = try file.status().byteCount
        let shortest = FileHeader.byteCount + Trailer.byteCount
        guard fileByteCount >= shortest else {
            throw SnapError(
                .damaged, "file ends early: \(fileByteCount) bytes, expected at least \(shortest)",
                path: path, offset: fileByteCount)
        }
        let trailer = try Trailer(
            try file.read(
                byteCount: Trailer.byteCount, at: fileByteCount - Trailer.byteCount),
            of: header, path: path, fileByteCount: fileByteCount)
        let checksum = try FileHeader.checksum(in: headerBytes, path: path)
        guard trailer.headerChecksum == checksum else {
            throw SnapError(
                .damaged,
                "header checksum is \(checksum.hex), expected "
                    + "\(trailer.headerChecksum.hex) as in the trailer", path: path,
                offset: FileHeader.checksumOffset)
        }
        self.file = file
        self.header = header
        self.trailer = trailer
    }

    var path: FilePath { file.path }

    /// Reads a section, checks its checksum, and creates a reader of its bytes.
    func reader(of part: FileSection) throws(SnapError) -> ByteReader {
        ByteReader(try bytes(of: part), path: path, startOffset: trailer[part].offset)
    }

    /// Reads a section and checks its checksum.
    func bytes(of part: FileSection) throws(SnapError) -> [UInt8] {
        let what = part.name
        let section = trailer[part]
        guard section.byteCount <= Limits.sectionByteCountMax else {
            throw SnapError(
                .damaged,
                "\(what) has \(section.byteCount) bytes, expected at most "
                    + "\(Limits.sectionByteCountMax)", path: path, offset: section.offset)
        }
        let bytes = try read(byteCount: section.byteCount, at: section.offset, what)
        try ByteReader(bytes, path: path, startOffset: section.offset)
            .check(section.checksum, what)
        return bytes
    }

    /// Reads bytes that exist according to the trailer or to a section.
    func read(byteCount: Int, at offset: Int, _ what: String) throws(SnapError) -> [UInt8] {
        let bytes = try file.read(byteCount: byteCount, at: offset)
        guard bytes.count == byteCount else {
            throw SnapError(
                .damaged, "\(what) ends early: \(bytes.count) bytes, expected \(byteCount)",
                path: path, offset: offset)
        }
        return bytes
    }
}
