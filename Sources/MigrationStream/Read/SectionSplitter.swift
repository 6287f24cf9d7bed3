import SnapSystem

/// Splits the kept bytes of a stream into its elements.
///
/// A device's section ends where the description says, if its footer is there; else at its footer.
/// In a stream without either the devices stay together.
struct SectionSplitter: ~Copyable {
    private let configuration: StreamConfiguration
    private var input: StreamInput
    private var description: VMDescription?
    /// Whether the last byte can be an end mark, or a zero behind one.
    private let endsWithZero: Bool
    private var elements: [StreamElement] = []
    /// The RAM's elements, the next first.
    private var ramElements: ArraySlice<StreamElement>
    private var names: [UInt32: String] = [:]
    private var wrongLengthCount = 0
    private static let wrongLengthCountMax = 64

    /// The name under which the devices of a stream without footers or description are listed.
    private static let allDevices = "devices"

    /// - Parameters:
    ///   - input: The kept bytes, from their beginning.
    ///   - kept: The same, to look at their end first.
    ///   - configuration: What it says of itself.
    ///   - start: Where the configuration ends.
    ///   - ramElements: Where RAM is or was, ascending.
    /// - Throws: `.inputOutput`.
    init(
        _ input: consuming StreamInput, _ kept: SharedFile,
        _ configuration: StreamConfiguration, from start: Int, _ ramElements: [StreamElement]
    ) throws(SnapError) {
        self.configuration = configuration
        self.ramElements = ramElements[...]
        for element in ramElements where element.kind == .ramStart {
            names[element.sectionID] = element.name
        }
        description = try Self.findDescription(in: kept)
        let last = try kept.file.status().byteCount - 1
        endsWithZero = try kept.file.read(byteCount: 1, at: last) == [0]
        input.move(to: start)
        self.input = input
        addFraming(from: 0)
    }

    /// Finds the description at the end, without which nothing says where it begins: it has no
    /// byte 0, but its length has.
    private static func findDescription(in kept: SharedFile) throws(SnapError) -> VMDescription? {
        let byteCount = try kept.file.status().byteCount
        let tail = min(byteCount, StreamLimits.descriptionByteCountMax + 5)
        var bytes = try kept.file.read(byteCount: tail, at: byteCount - tail)
        bytes.removeLast(bytes.reversed().prefix { $0 == 0 }.count)
        guard let zero = bytes.lastIndex(of: 0) else { return nil }
        // The length, whose last zero that is, may have a byte that looks like a brace.
        for start in max(5, zero + 1)..<max(5, zero + 5) where start < bytes.count {
            let length = UInt32(bigEndianBytes: bytes[start - 4..<start])
            if bytes[start] == UInt8(ascii: "{"), length == bytes.count - start,
                bytes[start - 5] == ElementType.description.rawValue
            {
                return VMDescription(Array(bytes[start...]))
            }
        }
        return nil
    }

    /// Splits.
    ///
    /// - Returns: The elements, one after the other without gaps.
    /// - Throws: `.inputDamaged`, `.unsupported`, `.inputOutput`.
    consuming func split() throws(SnapError) -> [StreamElement] {
        while try splitElement() {}
        return elements
    }

    private mutating func addFraming(from first: Int) {
        guard first < input.offset else { return }
        if let last = elements.last, last.kind == .framing {
            elements[elements.count - 1].range = last.range.lowerBound..<input.offset
        } else {
            var element = StreamElement(kind: .framing)
            element.range = first..<input.offset
            elements.append(element)
        }
    }

    private mutating func splitElement() throws(SnapError) -> Bool {
        let place = input.offset
        guard elements.count < StreamLimits.elementCountMax else {
            throw input.damage("more than \(StreamLimits.elementCountMax) elements")
        }
        if let ram = ramElements.first, ram.range.lowerBound == place {
            ramElements.removeFirst()
            elements.append(ram)
            input.move(to: ram.range.upperBound)
            return true
        }
        guard let byte = try input.peek(1).first else {
            throw input.damage("stream ends without its end mark")
        }
        switch ElementType(rawValue: byte) {
        case .end:
            try readEnd()
            return false
        case .start, .full:
            let head = try SectionHead(peekingAt: &input)
            try input.skip(head.byteCount)
            guard names.updateValue(head.name, forKey: head.sectionID) == nil else {
                throw input.damage("section \(head.sectionID) begins twice", at: place)
            }
            return try readState(of: head, from: place)
        case .part, .sectionEnd:
            return try readPart(from: place)
        case .command:
            _ = try input.readCommand()
            addFraming(from: place)
            return true
        default:
            throw input.damage("element has type \(byte), expected one of 0 to 4 or 8")
        }
    }

    private mutating func readPart(from place: Int) throws(SnapError) -> Bool {
        let type = try input.integer("section's type", as: UInt8.self)
        let sectionID = try input.integer("section id", as: UInt32.self)
        guard let name = names[sectionID], let type = ElementType(rawValue: type),
            name != StreamFormat.ramName
        else { throw input.damage("section \(sectionID) goes on that cannot", at: place) }
        return try readState(
            of: SectionHead(type: type, sectionID: sectionID, name: name), from: place)
    }

    /// Reads a device's state and its footer.
    ///
    /// - Returns: Whether there is more to split.
    private mutating func readState(
        of head: SectionHead, from place: Int
    ) throws(SnapError) -> Bool {
        let first = input.offset
        if head.type == .full, let byteCount = try describedByteCount(of: head, at: first) {
            input.move(to: first + byteCount)
        } else if configuration.hasFooters {
            input.move(to: first)
            guard try input.skipToFooter(of: head.sectionID, known: names) else {
                throw input.damage("section \(head.name) has no footer", at: place)
            }
        } else {
            return try readAllDevices(from: place)
        }
        let last = input.offset
        try input.readFooter(of: head.sectionID, isThere: configuration.hasFooters)
        var element = StreamElement(.device, head)
        element.range = place..<input.offset
        element.state = first - place..<last - place
        elements.append(element)
        return true
    }

    /// How long the state of a device is by the description, if that is right about it.
    ///
    /// One that is wrong time and again is believed no more: each look costs a read there and back.
    private mutating func describedByteCount(
        of head: SectionHead, at first: Int
    ) throws(SnapError) -> Int? {
        guard let byteCount = description?.byteCount(of: head.name, head.instanceID) else {
            return nil
        }
        if try endsWell(head.sectionID, at: first, byteCount) { return byteCount }
        wrongLengthCount += 1
        if wrongLengthCount == Self.wrongLengthCountMax { description = nil }
        return nil
    }

    /// Whether a section that is so long has its footer there, or something that can follow one.
    private mutating func endsWell(
        _ sectionID: UInt32, at first: Int, _ byteCount: Int
    ) throws(SnapError) -> Bool {
        guard byteCount <= Int.max - first else { return false }
        input.move(to: first + byteCount)
        let next = try input.peek(StreamFormat.footerByteCount)
        guard configuration.hasFooters else {
            return next.first.flatMap(ElementType.init(rawValue:)) != nil
        }
        return next == [ElementType.footer.rawValue] + sectionID.bigEndianBytes
    }

    /// What can't be told apart stays together, if it ends as a stream does.
    private mutating func readAllDevices(from place: Int) throws(SnapError) -> Bool {
        guard description != nil || endsWithZero else {
            throw input.damage("stream ends without its end mark")
        }
        input.move(to: place)
        try input.skipRest()
        var element = StreamElement(kind: .device)
        element.name = Self.allDevices
        element.range = place..<input.offset
        element.state = 0..<input.offset - place
        elements.append(element)
        return false
    }

    /// Reads the end mark, the description, and zeros that may follow.
    private mutating func readEnd() throws(SnapError) {
        let place = input.offset
        try input.skip(1)
        if try input.peek(1) == [ElementType.description.rawValue] {
            try input.skip(1)
            let start = input.offset
            let length = try input.integer("description's length", as: UInt32.self)
            guard length <= StreamLimits.descriptionByteCountMax else {
                throw input.damage(
                    "description has \(length) bytes, expected at most "
                        + "\(StreamLimits.descriptionByteCountMax)", at: start)
            }
            _ = try input.bytes(Int(length), "description")
        }
        while case let bytes = try input.peek(StreamInput.windowByteCount), !bytes.isEmpty {
            if let other = bytes.firstIndex(where: { $0 != 0 }) {
                throw input.damage(
                    "stream goes on behind its end with \(bytes[other])",
                    at: input.offset + other)
            }
            try input.skip(bytes.count)
        }
        addFraming(from: place)
    }
}

extension SectionHead {
    /// The header of a section that goes on, which says only its type and section id.
    fileprivate init(type: ElementType, sectionID: UInt32, name: String) {
        self.type = type
        self.sectionID = sectionID
        self.name = name
        instanceID = 0
        versionID = 0
    }
}
