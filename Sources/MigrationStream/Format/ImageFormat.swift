package import SnapSystem

/// The forms in which a guest's memory comes.
package enum ImageFormat: Sendable, Equatable {
    /// The bytes of one RAM block, as they are.
    case raw
    /// A QEMU migration stream.
    case stream

    /// How many bytes tell a form.
    private static let headByteCount = 16

    /// What begins so, and what can be done about it.
    private static let others: [(head: [UInt8], name: String, hint: String?)] = [
        (
            [0x11, 0x22, 0x33, 0x44], "a side channel of a multifd migration",
            "migrate to a file or a pipe, with multifd off"
        ),
        (Array("QFI".utf8) + [0xfb], "a qcow2 disk image", "its snapshots cannot be read"),
        (Array("KDUMP".utf8), "a kdump file", nil),
        (Array("makedumpfile".utf8), "a flattened kdump file", nil),
        ([0x7f] + Array("ELF".utf8), "an ELF core", nil),
        (
            Array("LibvirtQemudSave".utf8), "a save file of libvirt",
            "snap-cookbook(7) tells how to pass on the stream in it"
        ),
        (Array("LibvirtQemudPart".utf8), "a save file of libvirt, never completed", nil),
        ([0x1f, 0x8b], "compressed by gzip", "gzip -dc FILE | snap save -"),
        ([0x28, 0xb5, 0x2f, 0xfd], "compressed by zstd", "zstd -dc FILE | snap save -"),
        ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "compressed by xz", "xz -dc FILE | snap save -"),
        ([0x89, 0x4c, 0x5a, 0x4f], "compressed by lzop", "lzop -dc FILE | snap save -"),
    ]

    /// Whether a file begins as a QEMU stream does.
    ///
    /// - Parameter file: The file.
    /// - Throws: `.inputOutput`.
    package static func isStream(_ file: borrowing File) throws(SnapError) -> Bool {
        try file.read(byteCount: StreamFormat.magic.count, at: 0) == StreamFormat.magic
    }

    /// Tells the form of a file by its first bytes.
    ///
    /// - Parameter file: The file.
    /// - Throws: `.unsupported` with the name of what cannot be read, `.inputOutput`.
    package static func detect(_ file: borrowing File) throws(SnapError) -> ImageFormat {
        let head = try file.read(byteCount: headByteCount, at: 0)
        if head.starts(with: StreamFormat.magic) { return .stream }
        if let other = others.first(where: { head.starts(with: $0.head) }) {
            throw SnapError(
                .unsupported, "is \(other.name), expected a raw memory image or a QEMU stream",
                path: file.path, offset: 0,
                hint: (other.hint.map { $0 + "; " } ?? "") + "--format raw takes it as it is")
        }
        return .raw
    }
}
