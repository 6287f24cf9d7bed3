/// A QEMU migration stream that a test makes up piece by piece, and what it holds.
///
/// It is a second opinion: it shares no code with the reader. The RAM is what the last record of
/// each page says, and the pieces are noted as they are written.
package struct MadeUpStream: Sendable {
    /// What comes before the sections.
    package struct Configuration: Sendable {
        /// The machine type; nil for a stream of before QEMU 2.4, without footers.
        package var machine: String? = "pc-q35-7.2"
        /// How many bits a page's offset has; nil to leave it out, and then it is 12.
        package var pageBits: UInt32?
        package var capabilities: [String] = []
        package var uuid: [UInt8]?

        package init() {}
    }

    /// What a piece of the stream is.
    package enum Kind: Sendable, Equatable {
        case framing
        case ramStart
        case ramPart
        case ramEnd
        case device
    }

    /// A piece of the stream, in order and without gaps.
    package struct Element: Sendable, Equatable {
        package var kind: Kind
        package var name: String
        package var instanceID: UInt32
        package var versionID: UInt32
        package var sectionID: UInt32
        package var range: Range<Int>
        /// Where in its bytes a device's own state is.
        package var state: Range<Int>

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

    /// The stream so far.
    package private(set) var bytes: [UInt8] = Array("QEVM".utf8) + integer(3 as UInt32)
    package private(set) var elements: [Element] = []
    /// The RAM blocks' names, in order.
    package private(set) var blockNames: [String] = []
    /// What each block holds, in pages of 4096 bytes.
    package var ram: [String: MadeUpImage] = [:]
    package let configuration: Configuration
    /// Where the bytes of raw pages are, which are many and mean nothing to the reader.
    package var payloads: [Range<Int>] = []
    /// The block of the last record.
    var current: String?
    /// The JSON of each device that is described.
    var descriptions: [String] = []

    /// Begins with header and configuration.
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

    package var hasFooters: Bool { configuration.machine != nil }
    package var isMapped: Bool { configuration.capabilities.contains("mapped-ram") }
    package var ignoresShared: Bool { configuration.capabilities.contains("x-ignore-shared") }
    package var pageByteCount: Int { 1 << Int(configuration.pageBits ?? 12) }

    // MARK: Bytes

    /// An integer, the highest byte first.
    package static func integer<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        (0..<Value.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    /// A text behind its length in one byte.
    package static func text(_ text: String) -> [UInt8] {
        [UInt8(text.utf8.count)] + Array(text.utf8)
    }

    /// A subsection, as the configuration and devices have them.
    package static func subsection(
        _ name: String, version: UInt32 = 1, _ content: [UInt8]
    ) -> [UInt8] {
        [0x05] + text(name) + integer(version) + content
    }

    /// Writes bytes that belong to the piece that is being written.
    package mutating func append(_ more: [UInt8]) { bytes += more }

    /// Notes a piece that has been written.
    mutating func note(_ element: Element) { elements.append(element) }

    /// The footer of a section, where this stream has them.
    func footer(_ sectionID: UInt32) -> [UInt8] {
        hasFooters ? [0x7e] + Self.integer(sectionID) : []
    }

    // MARK: Around the sections

    /// Writes a command.
    package mutating func command(_ number: UInt16, _ payload: [UInt8] = []) {
        let start = bytes.count
        bytes += [0x08] + Self.integer(number) + Self.integer(UInt16(payload.count)) + payload
        note(Element(kind: .framing, range: start..<bytes.count))
    }

    /// Writes the end mark and what may follow it.
    ///
    /// - Parameters:
    ///   - isDescribed: Whether the description of the devices follows.
    ///   - padding: How many zeros follow.
    package mutating func finish(isDescribed: Bool = true, padding: Int = 0) {
        let json =
            #"{"page_size": \#(pageByteCount), "devices": ["#
            + descriptions.joined(separator: ", ") + "]}"
        finish(description: isDescribed ? Array(json.utf8) : nil, padding: padding)
    }

    /// Writes the end mark and what may follow it.
    ///
    /// - Parameters:
    ///   - description: What follows as a description.
    ///   - padding: How many zeros follow.
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

    /// Lists RAM blocks; of a mapped stream their pages come with them, of others they are zero.
    package mutating func begin(_ images: [(name: String, image: MadeUpImage)]) {
        for (name, image) in images {
            blockNames.append(name)
            ram[name] = isMapped ? image : MadeUpImage(pageCount: image.pageCount)
        }
    }
}

extension MadeUpStream {
    /// What a reader keeps: all bytes but those of the RAM's sections.
    package var bytesWithoutRAM: [UInt8] {
        elements.filter { !Self.isRAM($0.kind) }.flatMap { bytes[$0.range] }
    }

    /// Whether a piece is a section of the RAM.
    package static func isRAM(_ kind: Kind) -> Bool {
        kind == .ramStart || kind == .ramPart || kind == .ramEnd
    }

    /// The pieces as a reader lists them.
    ///
    /// - Parameter keepingRAM: Whether the RAM's sections are kept like all else; if not, its
    ///   beginning and its end are listed without bytes.
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
            let isLeftOut = !keepingRAM && Self.isRAM(element.kind)
            let byteCount = isLeftOut ? 0 : element.range.count
            element.range = offset..<offset + byteCount
            offset += byteCount
            if element.kind == .framing, let last = listing.last, last.kind == .framing {
                listing[listing.count - 1].range = last.range.lowerBound..<offset
            } else if element.kind == .device, type != 4, let last = listing.last,
                last.kind == .device, last.sectionID == element.sectionID
            {
                // Sections of one device that follow one another are one.
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

    /// A background snapshot does not say where its RAM ends: before the first device behind
    /// its last section.
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
