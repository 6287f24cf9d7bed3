import SnapSystem

/// The header and the configuration of a stream, which precede its sections.
///
/// The header is "QEVM" and version 3. Since QEMU 2.4 the configuration follows it: 07, the machine
/// type's name, and subsections (QEMU's docs/devel/migration/main.rst).
package struct StreamConfiguration: Sendable, Equatable {
    /// The machine type, such as `pc-q35-7.2`; nil if the stream has no configuration, and then
    /// its sections have no footers.
    package private(set) var machine: String?
    /// The migration capabilities that the destination must enable too.
    package private(set) var capabilities: [String] = []
    /// The length of the target's pages in bytes, which some streams state only at their end.
    package internal(set) var pageByteCount = 4096
    /// The bytes of header and configuration, without the capabilities that change how RAM is sent.
    private(set) var plainBytes: [UInt8] = []

    /// Reads the header and the configuration.
    ///
    /// - Parameter input: The stream, at its first byte. It ends up after the configuration.
    /// - Throws: `.unsupported` for another version, an unknown subsection or a page size that no
    ///   target has; `.inputDamaged`, `.inputOutput` or `.interrupted`.
    init(_ input: inout StreamInput) throws(SnapError) {
        let magic = try input.bytes(4, "magic")
        guard magic == StreamFormat.magic else {
            throw input.unsupported(
                "is not a QEMU stream: it starts with \(magic)", at: 0,
                hint: LibvirtSaveHeader.magic.starts(with: magic)
                    ? "give the path of libvirt's file as IMAGE, without --format qemu" : nil)
        }
        let version = try input.integer("stream version", as: UInt32.self)
        guard version == StreamFormat.version else {
            let age = version == StreamFormat.obsoleteVersion ? " (obsolete)" : ""
            throw input.unsupported(
                "stream version is \(version)\(age), expected \(StreamFormat.version)", at: 4)
        }
        plainBytes = magic + version.bigEndianBytes
        guard try input.peek(1) == [ElementType.configuration.rawValue] else { return }
        _ = try input.integer("configuration", as: UInt8.self)
        let length = try input.integer("length of the machine name", as: UInt32.self)
        guard length > 0, length <= StreamLimits.machineByteCountMax else {
            throw input.damage(
                "machine name has \(length) bytes, expected 1 to "
                    + "\(StreamLimits.machineByteCountMax)")
        }
        let bytes = try input.bytes(Int(length), "machine name")
        guard let name = StreamInput.text(bytes) else {
            throw input.damage("machine name is not printable text")
        }
        machine = name
        plainBytes += [ElementType.configuration.rawValue] + length.bigEndianBytes + bytes
        while try input.peek(1) == [ElementType.subsection.rawValue] { try readSubsection(&input) }
    }

    /// Sets the page size to the one that a description states.
    ///
    /// - Parameters:
    ///   - byteCount: The length of a page in bytes; nil if the description does not state it, and
    ///     then nothing changes.
    ///   - input: The stream, for error messages.
    /// - Throws: `.unsupported` for a page size that no target has.
    mutating func take(_ byteCount: Int?, _ input: borrowing StreamInput) throws(SnapError) {
        guard let byteCount else { return }
        guard StreamLimits.pageByteCounts.contains(byteCount) else {
            throw input.unsupported(
                "target page size is \(byteCount) bytes, expected a power of two from 1024 to "
                    + "65536", at: 0)
        }
        pageByteCount = byteCount
    }

    /// Refuses a stream whose description states another page size than the one in use.
    ///
    /// This happens with pipes and compressed streams, whose description arrives after the pages.
    ///
    /// - Parameters:
    ///   - byteCount: The length of a page in bytes; nil if the description does not state it.
    ///   - input: The stream, for error messages.
    /// - Throws: `.unsupported` if the page sizes differ.
    func check(_ byteCount: Int?, _ input: borrowing StreamInput) throws(SnapError) {
        guard let byteCount, byteCount != pageByteCount else { return }
        throw input.unsupported(
            "target page size is \(byteCount) bytes, which the stream states only at its end",
            at: 0,
            hint: input.isDecompressed
                ? "let libvirt save the domain without compression"
                : "write the stream to a file and save that file")
    }

    private mutating func readSubsection(_ input: inout StreamInput) throws(SnapError) {
        let place = input.offset
        _ = try input.integer("subsection", as: UInt8.self)
        let name = try input.name("subsection name")
        let version = try input.integer("subsection version", as: UInt32.self)
        let head =
            [ElementType.subsection.rawValue, UInt8(name.utf8.count)] + Array(name.utf8)
            + version.bigEndianBytes
        switch name {
        case "configuration/target-page-bits":
            let bits = try input.integer("target page bits", as: UInt32.self)
            guard bits < 32, StreamLimits.pageByteCounts.contains(1 << bits) else {
                throw input.unsupported(
                    "target page size is 2^\(bits) bytes, expected 1024 to 65536", at: place)
            }
            pageByteCount = 1 << bits
            plainBytes += head + bits.bigEndianBytes
        case "configuration/capabilities":
            try readCapabilities(&input)
            let kept = capabilities.filter {
                $0 != StreamFormat.mappedRAM && $0 != StreamFormat.ignoreShared
            }
            if kept.isEmpty { return }
            plainBytes += head + UInt32(kept.count).bigEndianBytes
            for name in kept { plainBytes += [UInt8(name.utf8.count)] + Array(name.utf8) }
        case "configuration/uuid":
            plainBytes += head + (try input.bytes(16, "uuid"))
        default:
            throw input.unsupported("stream has an unknown subsection: \(name)", at: place)
        }
    }

    private mutating func readCapabilities(_ input: inout StreamInput) throws(SnapError) {
        let count = try input.integer("number of capabilities", as: UInt32.self)
        guard count <= StreamLimits.capabilityCountMax else {
            throw input.damage(
                "stream has \(count) capabilities, expected at most "
                    + "\(StreamLimits.capabilityCountMax)")
        }
        for _ in 0..<count { capabilities.append(try input.name("capability name")) }
    }

    /// Whether each page has a fixed place in the file (mapped-ram).
    var isMapped: Bool { capabilities.contains(StreamFormat.mappedRAM) }

    /// Whether the stream omits RAM that QEMU shares with other processes (x-ignore-shared).
    var ignoresShared: Bool { capabilities.contains(StreamFormat.ignoreShared) }

    /// Whether each section ends with a footer.
    var hasFooters: Bool { machine != nil }
}
