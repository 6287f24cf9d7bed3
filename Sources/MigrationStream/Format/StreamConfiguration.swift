import SnapSystem

/// What a stream says of itself before its sections.
///
/// Layout: header "QEVM" and version 3; then, since QEMU 2.4, 07, the machine type's name, and
/// subsections (QEMU's docs/devel/migration/main.rst).
package struct StreamConfiguration: Sendable, Equatable {
    /// The machine type: `pc-q35-7.2`; nil if the stream does not say, and then its sections have
    /// no footers.
    package private(set) var machine: String?
    /// The capabilities that the destination must have too.
    package private(set) var capabilities: [String] = []
    /// The length of a page of the target in bytes; some targets tell it only at the stream's end.
    package internal(set) var pageByteCount = 4096
    /// The same bytes, without the capabilities that say how RAM is sent.
    private(set) var plainBytes: [UInt8] = []

    /// Reads header and configuration.
    ///
    /// - Parameter input: The stream, at its beginning.
    /// - Throws: `.unsupported` for another version, `.inputDamaged`.
    init(_ input: inout StreamInput) throws(SnapError) {
        let magic = try input.bytes(4, "magic")
        guard magic == StreamFormat.magic else {
            throw input.unsupported("is no QEMU stream: it begins with \(magic)", at: 0)
        }
        let version = try input.integer("stream version", as: UInt32.self)
        guard version == StreamFormat.version else {
            let age = version == StreamFormat.obsoleteVersion ? ", which is obsolete" : ""
            throw input.unsupported(
                "stream has version \(version)\(age), expected \(StreamFormat.version)", at: 4)
        }
        plainBytes = magic + version.bigEndianBytes
        guard try input.peek(1) == [ElementType.configuration.rawValue] else { return }
        _ = try input.integer("configuration", as: UInt8.self)
        let length = try input.integer("length of the machine's name", as: UInt32.self)
        guard length > 0, length <= StreamLimits.machineByteCountMax else {
            throw input.damage(
                "machine's name has \(length) bytes, expected 1 to "
                    + "\(StreamLimits.machineByteCountMax)")
        }
        let bytes = try input.bytes(Int(length), "machine's name")
        guard let name = StreamInput.text(bytes) else {
            throw input.damage("machine's name is not printable")
        }
        machine = name
        plainBytes += [ElementType.configuration.rawValue] + length.bigEndianBytes + bytes
        while try input.peek(1) == [ElementType.subsection.rawValue] { try readSubsection(&input) }
    }

    /// Takes the length of a page that a description says.
    ///
    /// - Parameters:
    ///   - byteCount: The length in bytes; nil if it is not said.
    ///   - input: The stream, for messages.
    /// - Throws: `.unsupported` for a length that no target has.
    mutating func take(_ byteCount: Int?, _ input: borrowing StreamInput) throws(SnapError) {
        guard let byteCount else { return }
        guard StreamLimits.pageByteCounts.contains(byteCount) else {
            throw input.unsupported(
                "target pages have \(byteCount) bytes, expected 1024 to 65536", at: 0)
        }
        pageByteCount = byteCount
    }

    /// Refuses a stream from a pipe whose pages turn out to have another length than expected.
    ///
    /// - Parameters:
    ///   - byteCount: The length in bytes that its description says; nil if it says none.
    ///   - input: The stream, for messages.
    /// - Throws: `.unsupported`.
    func check(_ byteCount: Int?, _ input: borrowing StreamInput) throws(SnapError) {
        guard let byteCount, byteCount != pageByteCount else { return }
        throw input.unsupported(
            "target pages have \(byteCount) bytes, which only the stream's end says", at: 0,
            hint: "write the stream into a file, and save that")
    }

    private mutating func readSubsection(_ input: inout StreamInput) throws(SnapError) {
        let place = input.offset
        _ = try input.integer("subsection", as: UInt8.self)
        let name = try input.name("subsection's name")
        let version = try input.integer("subsection's version", as: UInt32.self)
        let head =
            [ElementType.subsection.rawValue, UInt8(name.utf8.count)] + Array(name.utf8)
            + version.bigEndianBytes
        switch name {
        case "configuration/target-page-bits":
            let bits = try input.integer("target page bits", as: UInt32.self)
            guard bits < 32, StreamLimits.pageByteCounts.contains(1 << bits) else {
                throw input.unsupported(
                    "target pages have 2^\(bits) bytes, expected 1024 to 65536", at: place)
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
            throw input.unsupported("stream has the unknown subsection \(name)", at: place)
        }
    }

    private mutating func readCapabilities(_ input: inout StreamInput) throws(SnapError) {
        let count = try input.integer("count of capabilities", as: UInt32.self)
        guard count <= StreamLimits.capabilityCountMax else {
            throw input.damage(
                "stream has \(count) capabilities, expected at most "
                    + "\(StreamLimits.capabilityCountMax)")
        }
        for _ in 0..<count { capabilities.append(try input.name("capability's name")) }
    }

    /// Whether the pages are at places of their own in the file.
    var isMapped: Bool { capabilities.contains(StreamFormat.mappedRAM) }

    /// Whether RAM that is shared with others is not in the stream.
    var ignoresShared: Bool { capabilities.contains(StreamFormat.ignoreShared) }

    /// Whether each section ends with a footer.
    var hasFooters: Bool { machine != nil }
}
