import SnapSystem

/// What a section that begins says of itself: type, section id, name, instance id, version id.
struct SectionHead {
    let type: ElementType
    let sectionID: UInt32
    let name: String
    let instanceID: UInt32
    let versionID: UInt32

    /// Its length in bytes.
    var byteCount: Int { type == .start || type == .full ? 14 + name.utf8.count : 5 }

    /// The longest there can be.
    static let byteCountMax = 14 + StreamLimits.nameByteCountMax

    /// Looks at the header that comes next, without taking it.
    ///
    /// - Parameter input: The stream, at a section's beginning.
    /// - Throws: `.inputDamaged`.
    init(peekingAt input: inout StreamInput) throws(SnapError) {
        let bytes = try input.peek(Self.byteCountMax)
        guard let head = SectionHead(bytes) else {
            throw input.damage("section's header is cut short, or its name is not printable")
        }
        self = head
    }

    /// The header of a section that continues, which has only its type and its section's number.
    ///
    /// - Parameters:
    ///   - input: The stream, at the section's beginning.
    ///   - begun: The header of each section that has begun.
    /// - Throws: `.inputDamaged`.
    init(
        peekingAt input: inout StreamInput, continuing begun: [UInt32: SectionHead]
    ) throws(SnapError) {
        let bytes = try input.peek(5)
        guard bytes.count == 5, let type = ElementType(rawValue: bytes[0]) else {
            throw input.damage("stream ends in a section's header")
        }
        sectionID = UInt32(bigEndianBytes: bytes[1...])
        guard let start = begun[sectionID] else {
            throw input.damage("section \(sectionID) continues and has not begun")
        }
        self.type = type
        name = start.name
        instanceID = 0
        versionID = 0
    }

    /// The header of a section that continues, of which only this is known.
    init(type: ElementType, sectionID: UInt32, name: String) {
        self.type = type
        self.sectionID = sectionID
        self.name = name
        instanceID = 0
        versionID = 0
    }

    /// Reads a header.
    ///
    /// - Parameter bytes: It, and what follows.
    /// - Returns: nil if it is none.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 6, let type = ElementType(rawValue: bytes[0]),
            type == .start || type == .full
        else { return nil }
        let length = Int(bytes[5])
        guard length > 0, bytes.count >= 14 + length,
            let name = StreamInput.text(Array(bytes[6..<6 + length]))
        else { return nil }
        let integer = { (offset: Int) in UInt32(bigEndianBytes: bytes[offset..<offset + 4]) }
        self.type = type
        self.name = name
        sectionID = integer(1)
        instanceID = integer(6 + length)
        versionID = integer(10 + length)
    }
}

extension StreamElement {
    /// An element that begins with a header, its place yet to be said.
    init(_ kind: Kind, _ head: SectionHead) {
        self.init(
            kind: kind, name: head.name, instanceID: head.instanceID, versionID: head.versionID,
            sectionID: head.sectionID)
    }
}

extension StreamInput {
    /// Takes a section's footer.
    ///
    /// - Parameters:
    ///   - sectionID: The section.
    ///   - isThere: Whether this stream has footers.
    mutating func readFooter(of sectionID: UInt32, isThere: Bool) throws(SnapError) {
        guard isThere else { return }
        let place = offset
        let mark = try integer("footer", as: UInt8.self)
        let found = try integer("footer", as: UInt32.self)
        guard mark == ElementType.footer.rawValue, found == sectionID else {
            throw damage(
                "footer is \(mark) of section \(found), expected "
                    + "\(ElementType.footer.rawValue) of \(sectionID)", at: place)
        }
    }

    /// Takes a command that does nothing to a snapshot.
    ///
    /// - Returns: Which command it was.
    mutating func readCommand() throws(SnapError) -> UInt16 {
        let place = offset
        _ = try integer("command", as: UInt8.self)
        let command = try integer("command", as: UInt16.self)
        let length = try integer("command's length", as: UInt16.self)
        guard StreamFormat.harmlessCommands.contains(command) else {
            throw unsupported(
                "stream has the command \(command), which is of no snapshot", at: place)
        }
        try skip(Int(length))
        return command
    }

    /// Whether a section's footer comes next, or in a stream without footers something that can
    /// follow a section.
    ///
    /// - Parameters:
    ///   - sectionID: The section.
    ///   - isThere: Whether this stream has footers.
    mutating func hasFooter(of sectionID: UInt32, isThere: Bool) throws(SnapError) -> Bool {
        let next = try peek(StreamFormat.footerByteCount)
        guard isThere else { return next.first.flatMap(ElementType.init(rawValue:)) != nil }
        return next == [ElementType.footer.rawValue] + sectionID.bigEndianBytes
    }

    /// Whether a section's footer, or what can follow a section without, comes behind its state.
    ///
    /// - Parameters:
    ///   - sectionID: The section.
    ///   - isThere: Whether this stream has footers.
    ///   - head: The length of the section's header in bytes, which comes next.
    ///   - state: The length of its state in bytes.
    func hasFooter(
        of sectionID: UInt32, isThere: Bool, behind head: Int, _ state: Int
    ) throws(SnapError) -> Bool {
        guard state <= StreamLimits.memoryByteCountMax else { return false }
        let next = try look(StreamFormat.footerByteCount, ahead: head + state)
        guard isThere else { return next.first.flatMap(ElementType.init(rawValue:)) != nil }
        return next == [ElementType.footer.rawValue] + sectionID.bigEndianBytes
    }

    /// Takes bytes up to what looks like a section's footer with another element behind it.
    ///
    /// - Parameters:
    ///   - sectionID: The section.
    ///   - names: The sections that have begun; nil where any may have.
    ///   - allowsStrayBytes: Whether anything may follow the stream's end mark.
    /// - Returns: false if there is none.
    mutating func skipToFooter(
        of sectionID: UInt32, known names: [UInt32: SectionHead]?, allowsStrayBytes: Bool = false
    ) throws(SnapError) -> Bool {
        let footer = [ElementType.footer.rawValue] + sectionID.bigEndianBytes
        while try skip(to: ElementType.footer.rawValue) {
            if try peek(footer.count) == footer {
                let next = Array(
                    try peek(footer.count + SectionHead.byteCountMax).dropFirst(footer.count))
                if Self.isElement(next, known: names) || allowsStrayBytes && next.first == 0 {
                    return true
                }
            }
            try skip(1)
        }
        return false
    }

    /// Whether bytes look like the beginning of an element.
    private static func isElement(_ bytes: [UInt8], known names: [UInt32: SectionHead]?) -> Bool {
        guard let first = bytes.first else { return false }
        switch ElementType(rawValue: first) {
        case .end:
            return bytes.count == 1 || bytes[1] == 0
                || bytes[1] == ElementType.description.rawValue
        case .start, .full:
            return SectionHead(bytes) != nil
        case .part, .sectionEnd:
            guard bytes.count >= 5 else { return false }
            return names.map { $0[UInt32(bigEndianBytes: bytes[1..<5])] != nil } ?? true
        case .command:
            guard bytes.count >= 5 else { return false }
            return StreamFormat.harmlessCommands.contains(UInt16(bigEndianBytes: bytes[1..<3]))
        default:
            return false
        }
    }
}
