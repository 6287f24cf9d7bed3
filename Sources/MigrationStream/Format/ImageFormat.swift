import GuestMemory
package import SnapSystem
import SystemPackage

/// The formats of memory images that snap can save; the raw values are their names for users.
///
/// A new format needs a case here, with the first bytes of its files, and an `ImageImporter`.
package enum ImageFormat: String, Sendable, CaseIterable {
    /// The plain bytes of one RAM block.
    case raw
    /// A QEMU migration stream.
    case qemu
    /// A save file of libvirt, with a QEMU migration stream in it.
    case libvirt

    /// The first bytes of files of this format; empty if any bytes can be the first.
    private var heads: [[UInt8]] {
        switch self {
        case .raw: []
        case .qemu: [StreamFormat.magic]
        case .libvirt: [LibvirtSaveHeader.magic, LibvirtSaveHeader.incompleteMagic]
        }
    }

    /// The number of first bytes that are enough to recognize every format.
    private static let headByteCount = max(
        ForeignFormat.headByteCount, allCases.flatMap(\.heads).map(\.count).max() ?? 0)
    /// The number of zero bytes at a file's start after which the search for a stream stops.
    private static let leadingZeroCountMax = 64 << 20
    /// The number of bytes that the search reads at a time.
    private static let windowByteCount = 1 << 18

    /// Checks whether a file starts with the magic number of a QEMU stream.
    ///
    /// - Parameter file: The file, read from offset 0.
    /// - Returns: Whether the magic number is there.
    /// - Throws: `.inputOutput`.
    package static func isStream(_ file: borrowing File) throws(SnapError) -> Bool {
        try file.read(byteCount: StreamFormat.magic.count, at: 0) == StreamFormat.magic
    }

    /// Detects the format of a file from its first bytes.
    ///
    /// - Parameter file: The file, read from offset 0.
    /// - Returns: The format; `.raw` if the bytes match no format that snap recognizes.
    /// - Throws: `.unsupported`, with the name of the format, for one that snap recognizes and
    ///   cannot save; `.inputOutput`.
    package static func detect(_ file: borrowing File) throws(SnapError) -> ImageFormat {
        let head = try file.read(byteCount: headByteCount, at: 0)
        let found = allCases.first { format in format.heads.contains { head.starts(with: $0) } }
        if let found { return found }
        if let foreign = ForeignFormat.all.first(where: { head.starts(with: $0.head) }) {
            throw unsupported("is \(foreign.name)", path: file.path, at: 0, hint: foreign.hint)
        }
        if head.first == 0, let offset = try streamAfterZeros(in: file) {
            throw unsupported(
                "has a QEMU stream after \(offset) zero bytes", path: file.path, at: offset,
                hint: "run tail -c +\(offset + 1) FILE | snap save - --guest NAME")
        }
        return .raw
    }

    private static func unsupported(
        _ message: String, path: FilePath, at offset: Int, hint: String?
    ) -> SnapError {
        SnapError(
            .unsupported,
            message + ", expected a raw memory image, a QEMU stream or a libvirt save file",
            path: path, offset: offset,
            hint: (hint.map { $0 + "; " } ?? "") + "use --format raw to save it as raw memory")
    }

    /// Finds a stream that starts with the first bytes of a file that are not zero.
    ///
    /// QEMU can leave room before a stream (`file:PATH,offset=N`).
    ///
    /// - Returns: The stream's offset in bytes; nil if there is no such stream.
    private static func streamAfterZeros(
        in file: borrowing File
    ) throws(SnapError) -> Int? {
        var buffer = MemoryBuffer(byteCount: windowByteCount)
        var offset = 0
        while offset < leadingZeroCountMax {
            let count = try buffer.withMutableBytes(0..<windowByteCount) {
                (bytes) throws(SnapError) in try file.read(into: &bytes, at: offset)
            }
            let pageCount = count / Page.byteCount
            let page = (0..<pageCount).first { page in
                buffer.withBytes(Page.bytes(page)) { !Page.isZero($0) }
            }
            if page == nil && count == windowByteCount {
                offset += count
                continue
            }
            let start = (page ?? pageCount) * Page.byteCount
            let rest = buffer.withBytes(start..<count) { $0.bytes }
            guard let first = rest.firstIndex(where: { $0 != 0 }) else { return nil }
            let place = offset + start + first
            let head = StreamFormat.magic + StreamFormat.version.bigEndianBytes
            return try file.read(byteCount: head.count, at: place) == head ? place : nil
        }
        return nil
    }
}
