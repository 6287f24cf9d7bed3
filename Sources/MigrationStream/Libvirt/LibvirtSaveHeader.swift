import SnapSystem

/// The start of a file of `virsh save`: a header, and the description of the domain.
///
///     SIZE  DESCRIPTION
///       16  magic number
///        4  version, 2
///        4  length of the part between this header and the stream, in bytes
///        4  whether the domain was running
///        4  compression of the stream; 0 for none
///        4  offset of the cookie in the part after the header; 0 without a cookie
///       56  unused
///
/// The integers are little-endian. After the header follow the XML, the cookie, each with a 0 byte
/// at its end, and zeros that leave room for a longer XML. Then follows the stream of QEMU, to the
/// end of the file. libvirt does not document the format. These facts are from files that libvirt
/// 9.0 has written, and those about zstd and sparse files from the source of newer versions.
package struct LibvirtSaveHeader {
    /// How the stream is stored.
    let compression: LibvirtCompression
    private let wasRunning: Bool
    /// The length of the part between the header and the stream, in bytes.
    private let descriptionByteCount: Int
    /// The offset of the cookie in that part, in bytes; 0 without a cookie.
    private let cookieOffset: Int

    /// The first bytes of every complete file.
    static let magic = Array("LibvirtQemudSave".utf8)
    /// The first bytes of a file that libvirt is still writing.
    static let incompleteMagic = Array("LibvirtQemudPart".utf8)
    /// The length of the header in bytes.
    static let byteCount = 92
    private static let version: UInt32 = 2
    private static let unusedByteCount = 56
    /// The room for changes of the XML, in bytes.
    private static let paddingByteCount = 64 << 10
    /// The length limit of the XML and of the cookie, in bytes.
    package static let descriptionByteCountMax = 16 << 20
    /// The length limit of everything between the header and the stream, in bytes.
    private static let partByteCountMax = 3 * descriptionByteCountMax

    /// The offset of the stream in the file, in bytes.
    var streamOffset: Int { Self.byteCount + descriptionByteCount }

    /// Reads the header of a file.
    ///
    /// - Parameter file: The file.
    /// - Throws: `.unsupported` or `.inputDamaged` with the offset, or `.inputOutput`.
    init(of file: borrowing File) throws(SnapError) {
        let bytes = try file.read(byteCount: Self.byteCount, at: 0)
        guard bytes.starts(with: Self.magic) else {
            if bytes.starts(with: Self.incompleteMagic) {
                throw SnapError(
                    .inputDamaged, "is a libvirt save file that was never completed",
                    path: file.path, offset: 0)
            }
            throw SnapError(.unsupported, "is not a libvirt save file", path: file.path, offset: 0)
        }
        guard bytes.count == Self.byteCount else {
            throw SnapError(
                .inputDamaged, "header has \(bytes.count) bytes, expected \(Self.byteCount)",
                path: file.path, offset: bytes.count)
        }
        let fields = stride(from: Self.magic.count, to: Self.magic.count + 20, by: 4).map {
            UInt32(bigEndianBytes: bytes[$0..<$0 + 4]).byteSwapped
        }
        guard fields[0] == Self.version else {
            throw SnapError(
                .unsupported, "version is \(fields[0]), expected \(Self.version)",
                path: file.path, offset: 16)
        }
        guard let compression = LibvirtCompression(rawValue: fields[3]) else {
            throw SnapError(
                .unsupported,
                "compression is \(fields[3]), expected 0 to "
                    + "\(LibvirtCompression.allCases.count - 1)",
                path: file.path, offset: 28)
        }
        self.compression = compression
        wasRunning = fields[2] != 0
        descriptionByteCount = Int(fields[1])
        cookieOffset = Int(fields[4])
        try checkLengths(file)
    }

    private func checkLengths(_ file: borrowing File) throws(SnapError) {
        let left = try file.status().byteCount - Self.byteCount
        let limit = min(left, Self.partByteCountMax)
        guard descriptionByteCount <= limit else {
            throw SnapError(
                .inputDamaged,
                "description has \(descriptionByteCount) bytes, expected at most \(limit)",
                path: file.path, offset: 20)
        }
        guard cookieOffset == 0 || cookieOffset < descriptionByteCount else {
            throw SnapError(
                .inputDamaged,
                "cookie is at \(cookieOffset), expected less than \(descriptionByteCount)",
                path: file.path, offset: 32)
        }
    }

    /// Reads the description that follows the header.
    ///
    /// - Parameter file: The file.
    /// - Returns: The description.
    /// - Throws: `.inputDamaged` with the offset, or `.inputOutput`.
    func description(in file: borrowing File) throws(SnapError) -> DomainDescription {
        let bytes = try file.read(byteCount: descriptionByteCount, at: Self.byteCount)
        guard bytes.count == descriptionByteCount else {
            throw SnapError(
                .inputDamaged,
                "description has \(bytes.count) bytes, expected \(descriptionByteCount)",
                path: file.path, offset: Self.byteCount + bytes.count)
        }
        let xmlEnd = cookieOffset == 0 ? bytes.count : cookieOffset
        let xml = try Self.text(of: "XML", bytes[..<xmlEnd], file)
        let cookie =
            try cookieOffset == 0
            ? [] : Self.text(of: "cookie", bytes[cookieOffset...], file)
        return DomainDescription(xml: xml, cookie: cookie, wasRunning: wasRunning)
    }

    /// Finds a text with a 0 byte at its end, after which only zeros follow.
    private static func text(
        of what: String, _ bytes: ArraySlice<UInt8>, _ file: borrowing File
    ) throws(SnapError) -> [UInt8] {
        let text = bytes.prefix { $0 != 0 }
        guard text.contains(UInt8(ascii: "<")) else {
            throw SnapError(
                .inputDamaged, "\(what) contains no <, expected a domain's description",
                path: file.path, offset: byteCount + bytes.startIndex)
        }
        guard text.count <= descriptionByteCountMax else {
            throw SnapError(
                .inputDamaged,
                "\(what) has \(text.count) bytes, expected at most \(descriptionByteCountMax)",
                path: file.path, offset: byteCount + bytes.startIndex)
        }
        guard text.endIndex < bytes.endIndex else {
            throw SnapError(
                .inputDamaged, "\(what) has no 0 byte at its end", path: file.path,
                offset: byteCount + bytes.endIndex)
        }
        if let stray = bytes[text.endIndex...].firstIndex(where: { $0 != 0 }) {
            throw SnapError(
                .inputDamaged,
                "byte \(bytes[stray]) follows the end of the \(what), expected zeros",
                path: file.path, offset: byteCount + stray)
        }
        return Array(text)
    }

    /// Encodes everything before a stream that is not compressed.
    ///
    /// - Parameter domain: The description of the domain.
    /// - Returns: The bytes.
    package static func encode(_ domain: DomainDescription) -> [UInt8] {
        var description = domain.xml + [0]
        let cookieOffset = domain.cookie.isEmpty ? 0 : description.count
        if !domain.cookie.isEmpty { description += domain.cookie + [0] }
        description += [UInt8](repeating: 0, count: paddingByteCount)
        var bytes = magic
        for field in [
            version, UInt32(description.count), domain.wasRunning ? 1 : 0, 0, UInt32(cookieOffset),
        ] {
            bytes += field.bigEndianBytes.reversed()
        }
        return bytes + [UInt8](repeating: 0, count: unusedByteCount) + description
    }
}
