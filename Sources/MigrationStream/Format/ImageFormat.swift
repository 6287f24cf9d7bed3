import GuestMemory
package import SnapSystem
import SystemPackage

/// The forms in which a guest's memory comes.
package enum ImageFormat: Sendable, Equatable {
    /// The bytes of one RAM block, as they are.
    case raw
    /// A QEMU migration stream.
    case stream

    /// How far into a file of zeros a stream is looked for.
    private static let leadingZeroCountMax = 64 << 20
    private static let windowByteCount = 1 << 18

    /// Whether a file begins as a QEMU stream does.
    ///
    /// - Parameter file: The file.
    /// - Throws: `.inputOutput`.
    package static func isStream(_ file: borrowing File) throws(SnapError) -> Bool {
        try file.read(byteCount: StreamFormat.magic.count, at: 0) == StreamFormat.magic
    }

    /// Detects the form of a file from its first bytes.
    ///
    /// - Parameter file: The file.
    /// - Throws: `.unsupported` with the name of what cannot be read, `.inputOutput`.
    package static func detect(_ file: borrowing File) throws(SnapError) -> ImageFormat {
        let head = try file.read(byteCount: ForeignFormat.headByteCount, at: 0)
        if head.starts(with: StreamFormat.magic) { return .stream }
        if let foreign = ForeignFormat.all.first(where: { head.starts(with: $0.head) }) {
            throw unsupported("is \(foreign.name)", path: file.path, at: 0, hint: foreign.hint)
        }
        if head.first == 0, let offset = try streamBehindZeros(in: file) {
            throw unsupported(
                "has a QEMU stream behind \(offset) zeros", path: file.path, at: offset,
                hint: "tail -c +\(offset + 1) FILE | snap save -")
        }
        return .raw
    }

    private static func unsupported(
        _ message: String, path: FilePath, at offset: Int, hint: String?
    ) -> SnapError {
        SnapError(
            .unsupported, message + ", expected a raw memory image or a QEMU stream", path: path,
            offset: offset, hint: (hint.map { $0 + "; " } ?? "") + "--format raw takes it as it is")
    }

    /// Where the first bytes that are not zero begin a stream: QEMU was told to leave room before
    /// it (`file:PATH,offset=N`).
    private static func streamBehindZeros(
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
