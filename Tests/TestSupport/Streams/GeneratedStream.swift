/// A generated QEMU migration stream, with the RAM and the devices that a reader must find in it.
///
/// A test writes the stream piece by piece. The writer shares no code with snap's reader, so that
/// each can find the other's errors. A page's content comes from its last record.
package struct GeneratedStream: Sendable {
    /// The contents of the stream's configuration section.
    package struct Configuration: Sendable {
        /// The machine type; nil for a stream without configuration section and footers, as QEMU
        /// wrote it before version 2.4.
        package var machine: String? = "pc-q35-7.2"
        /// The number of bits of an offset in a page; nil to omit it, which means 12.
        package var pageBits: UInt32?
        /// The names of the migration capabilities; an empty list is omitted.
        package var capabilities: [String] = []
        /// The guest's UUID, 16 bytes; nil to omit it.
        package var uuid: [UInt8]?
        /// The offset of the stream in its file, from whose start a mapped stream's offsets count.
        package var fileOffset = 0

        /// Creates a configuration of a plain stream.
        package init() {}
    }

    /// The kinds of pieces.
    package enum Kind: Sendable, Equatable {
        /// Bytes around the sections: header, configuration, commands, end and description.
        case framing
        case ramStart
        case ramPart
        case ramEnd
        case device
    }

    /// A piece of the stream; the pieces are in order and without gaps.
    package struct Element: Sendable, Equatable {
        /// The piece's kind.
        package var kind: Kind
        /// The device's name, or `ram`; empty in later sections of the RAM and in framing.
        package var name: String
        /// The instance that the section's header names.
        package var instanceID: UInt32
        /// The version that the section's header names.
        package var versionID: UInt32
        /// The number that the section's header names.
        package var sectionID: UInt32
        /// The piece's bytes in the stream.
        package var range: Range<Int>
        /// The bytes of a device's own state, relative to the start of the piece.
        package var state: Range<Int>

        /// Creates a piece.
        package init(
            kind: Kind, name: String = "", instanceID: UInt32 = 0, versionID: UInt32 = 0,
            sectionID: UInt32 = 0, range: Range<Int>, state: Range<Int> = 0..<0
        ) {
            self.kind = kind
            self.name = name
            self.instanceID = instanceID
            self.versionID = versionID
            self.sectionID = sectionID
            self.range = range
            self.state = state
        }
    }

    /// The bytes written so far.
    package private(set) var bytes: [UInt8] = Array("QEVM".utf8) + integer(3 as UInt32)
    /// The pieces written so far.
    package private(set) var elements: [Element] = []
    /// The RAM blocks' names, in order.
    package private(set) var blockNames: [String] = []
    /// The content of each block, in pages of 4096 bytes, by the block's name.
    package var ram: [String: GeneratedImage] = [:]
    /// The configuration that the stream was created with.
    package let configuration: Configuration
    /// The ranges of raw pages, whose many bytes the reader does not interpret.
    package var payloads: [Range<Int>] = []
    /// The name of the last record's block.
    var current: String?
    /// The JSON objects of the devices that the description contains.
    var descriptions: [String] = []

    /// Creates a stream that consists of its header and configuration.
    ///
    /// - Parameter configuration: The contents of the configuration section.
    package init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        if let machine = configuration.machine {
            bytes += [0x07] + Self.integer(UInt32(machine.utf8.count)) + Array(machine.utf8)
            if let bits = configuration.pageBits {
                bytes += Self.subsection("configuration/target-page-bits", Self.integer(bits))
            }
            if !configuration.capabilities.isEmpty {
                let names = configuration.capabilities.flatMap(Self.text)
                bytes += Self.subsection(
                    "configuration/capabilities",
                    Self.integer(UInt32(configuration.capabilities.count)) + names)
            }
            if let uuid = configuration.uuid {
                bytes += Self.subsection("configuration/uuid", uuid)
            }
        }
        note(Element(kind: .framing, range: 0..<bytes.count))
    }

    /// Whether each section ends with a footer.
    package var hasFooters: Bool { configuration.machine != nil }
    /// Whether each page has a fixed place in the stream (mapped-ram).
    package var isMapped: Bool { configuration.capabilities.contains("mapped-ram") }
    /// Whether the list of blocks also contains addresses (x-ignore-shared).
    package var ignoresShared: Bool { configuration.capabilities.contains("x-ignore-shared") }
    /// The length of the target's pages, in bytes.
    package var pageByteCount: Int { 1 << Int(configuration.pageBits ?? 12) }

    // MARK: Bytes

    /// Encodes an integer.
    ///
    /// - Parameter value: The integer.
    /// - Returns: The integer's bytes, big-endian.
    package static func integer<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        (0..<Value.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    /// Encodes a text.
    ///
    /// - Parameter text: The text, of at most 255 bytes.
    /// - Returns: The text's length in one byte, and the text.
    package static func text(_ text: String) -> [UInt8] {
        [UInt8(text.utf8.count)] + Array(text.utf8)
    }

    /// Encodes a subsection of the configuration or of a device.
    ///
    /// - Parameters:
    ///   - name: The subsection's name.
    ///   - version: The subsection's version.
    ///   - content: The subsection's content.
    /// - Returns: The bytes of the subsection.
    package static func subsection(
        _ name: String, version: UInt32 = 1, _ content: [UInt8]
    ) -> [UInt8] {
        [0x05] + text(name) + integer(version) + content
    }

    /// Writes bytes of the current piece.
    ///
    /// - Parameter more: The bytes.
    package mutating func append(_ more: [UInt8]) { bytes += more }

    /// Records a piece after it has been written.
    mutating func note(_ element: Element) { elements.append(element) }

    /// Encodes a section's footer, which is empty if the stream has no footers.
    func footer(_ sectionID: UInt32) -> [UInt8] {
        hasFooters ? [0x7e] + Self.integer(sectionID) : []
    }

    // MARK: Around the sections

    /// Writes a command.
    ///
    /// - Parameters:
    ///   - number: The command's number.
    ///   - payload: The command's arguments.
    package mutating func command(_ number: UInt16, _ payload: [UInt8] = []) {
        let start = bytes.count
        bytes += [0x08] + Self.integer(number) + Self.integer(UInt16(payload.count)) + payload
        note(Element(kind: .framing, range: start..<bytes.count))
    }

    /// Writes the end mark and the description of the devices.
    ///
    /// - Parameters:
    ///   - isDescribed: Whether the description follows the end mark.
    ///   - padding: The number of zero bytes at the end.
    package mutating func finish(isDescribed: Bool = true, padding: Int = 0) {
        let json =
            #"{"page_size": \#(pageByteCount), "devices": ["#
            + descriptions.joined(separator: ", ") + "]}"
        finish(description: isDescribed ? Array(json.utf8) : nil, padding: padding)
    }

    /// Writes the end mark and a given description.
    ///
    /// - Parameters:
    ///   - description: The content of the description, which need not be JSON; nil to omit it.
    ///   - padding: The number of zero bytes at the end.
    package mutating func finish(description: [UInt8]?, padding: Int = 0) {
        let start = bytes.count
        bytes.append(0)
        if let description {
            bytes += [0x06] + Self.integer(UInt32(description.count)) + description
        }
        bytes += [UInt8](repeating: 0, count: padding)
        note(Element(kind: .framing, range: start..<bytes.count))
    }

    // MARK: The list of blocks

    /// Adds RAM blocks, without writing anything.
    ///
    /// - Parameter images: The blocks. Only a mapped stream takes their pages; in other streams the
    ///   pages are zero until they are written.
    package mutating func begin(_ images: [(name: String, image: GeneratedImage)]) {
        for (name, image) in images {
            blockNames.append(name)
            ram[name] = isMapped ? image : GeneratedImage(pageCount: image.pageCount)
        }
    }
}

extension GeneratedStream {
    /// The bytes that a reader keeps: all except those of the RAM's sections.
    package var bytesWithoutRAM: [UInt8] {
        elements.filter { !Self.isRAM($0.kind) }.flatMap { bytes[$0.range] }
    }

    /// Whether a piece is a section of the RAM.
    ///
    /// - Parameter kind: The piece's kind.
    /// - Returns: Whether the kind is one of the RAM's.
    package static func isRAM(_ kind: Kind) -> Bool {
        kind == .ramStart || kind == .ramPart || kind == .ramEnd
    }

    /// Lists the pieces as a reader does.
    ///
    /// - Parameter keepingRAM: Whether the list contains the RAM's sections with their bytes. If
    ///   not, it contains only the start and the end of the RAM, without bytes.
    /// - Returns: The pieces; adjacent framing, and adjacent sections of one device, are merged.
    package func listing(keepingRAM: Bool) -> [Element] {
        var elements = elements
        if !keepingRAM {
            addEndOfBackgroundSnapshot(&elements)
            elements.removeAll { $0.kind == .ramPart }
        }
        var offset = 0
        var listing: [Element] = []
        for element in elements {
            var element = element
            let type = element.range.isEmpty ? 0 : bytes[element.range.lowerBound]
            let isOmitted = !keepingRAM && Self.isRAM(element.kind)
            let byteCount = isOmitted ? 0 : element.range.count
            element.range = offset..<offset + byteCount
            offset += byteCount
            if element.kind == .framing, let last = listing.last, last.kind == .framing {
                listing[listing.count - 1].range = last.range.lowerBound..<offset
            } else if element.kind == .device, type != 4, let last = listing.last,
                last.kind == .device, last.sectionID == element.sectionID
            {
                // A reader merges adjacent sections of one device.
                let shift = element.range.lowerBound - last.range.lowerBound
                listing[listing.count - 1].range = last.range.lowerBound..<offset
                listing[listing.count - 1].state =
                    last.state.lowerBound..<shift + element.state.upperBound
            } else {
                listing.append(element)
            }
        }
        return listing
    }

    /// Adds the end of the RAM of a background snapshot, which the stream does not mark.
    ///
    /// The RAM ends before the first device after the RAM's last section.
    private func addEndOfBackgroundSnapshot(_ elements: inout [Element]) {
        guard let start = elements.lastIndex(where: { Self.isRAM($0.kind) }),
            !elements.contains(where: { $0.kind == .ramEnd })
        else { return }
        let place =
            elements[start...].firstIndex { $0.kind == .device && bytes[$0.range.lowerBound] == 4 }
            ?? elements.count - 1
        elements.insert(
            Element(kind: .ramEnd, sectionID: elements[start].sectionID, range: 0..<0), at: place)
    }
}
