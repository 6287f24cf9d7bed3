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
/// end of the file. libvirt does not document the format; these facts are from files that libvirt
/// 9.0 has written.
package enum LibvirtSaveHeader {
    /// The first bytes of every complete file.
    static let magic = Array("LibvirtQemudSave".utf8)
    /// The length of the header in bytes.
    static let byteCount = 92
    private static let version: UInt32 = 2
    private static let unusedByteCount = 56
    /// The room for changes of the XML, in bytes.
    private static let paddingByteCount = 64 << 10
    /// The length limit of the XML and the cookie together, in bytes.
    package static let descriptionByteCountMax = 16 << 20

    /// Encodes everything before the stream.
    ///
    /// - Parameter domain: The description of the domain.
    /// - Returns: The bytes; the stream follows without compression.
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
