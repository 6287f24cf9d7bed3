import SnapSystem

/// The header of a section.
///
/// A section that starts has all fields in its header; one that continues has only the type and the
/// section's number.
struct SectionHead {
    let type: ElementType
    let sectionID: UInt32
    let name: String
    let instanceID: UInt32
    let versionID: UInt32

    /// The length of the header in bytes.
    var byteCount: Int { type == .start || type == .full ? 14 + name.utf8.count : 5 }

    /// The length of the longest header in bytes.
    static let byteCountMax = 14 + StreamLimits.nameByteCountMax

    /// Reads the header of a section that starts, without advancing the stream.
    ///
    /// - Parameter input: The stream, at the section's first byte.
    /// - Throws: `.inputDamaged` if there is no such header; `.inputOutput` or `.interrupted`.
    init(peekingAt input: inout StreamInput) throws(SnapError) {
        let bytes = try input.peek(Self.byteCountMax)
        guard let head = SectionHead(bytes) else {
            throw input.damage("section header is truncated, or its name is not printable text")
        }
        self = head
    }

    /// Reads the header of a section that continues, without advancing the stream.
    ///
    /// - Parameters:
    ///   - input: The stream, at the section's first byte.
    ///   - started: The headers of the sections that have started, by section number.
    /// - Throws: `.inputDamaged` if there is no such header, or if the section has not started;
    ///   `.inputOutput` or `.interrupted`.
    init(
        peekingAt input: inout StreamInput, continuing started: [UInt32: SectionHead]
    ) throws(SnapError) {
        let bytes = try input.peek(5)
        guard bytes.count == 5, let type = ElementType(rawValue: bytes[0]) else {
            throw input.damage("stream ends in a section header")
        }
        sectionID = UInt32(bigEndianBytes: bytes[1...])
        guard let start = started[sectionID] else {
            throw input.damage(
                "unexpected continuation of section \(sectionID), which has not started")
        }
        self.type = type
        name = start.name
        instanceID = 0
        versionID = 0
    }

    /// Creates the header of a section that continues.
    init(type: ElementType, sectionID: UInt32, name: String) {
        self.type = type
        self.sectionID = sectionID
        self.name = name
        instanceID = 0
        versionID = 0
    }

    /// Decodes the header of a section that starts.
    ///
    /// - Parameter bytes: The header; other bytes may follow it.
    /// - Returns: nil if the bytes do not start with such a header.
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
    /// Creates an element from a section's header, without ranges.
    init(_ kind: Kind, _ head: SectionHead) {
        self.init(
            kind: kind, name: head.name, instanceID: head.instanceID, versionID: head.versionID,
            sectionID: head.sectionID)
    }
}

extension StreamInput {
    /// Reads a section's footer, if the stream has footers.
    ///
    /// - Parameters:
    ///   - sectionID: The section's number.
    ///   - hasFooters: Whether the stream has footers.
    /// - Throws: `.inputDamaged` if the footer is not this section's; `.inputOutput` or
    ///   `.interrupted`.
    mutating func readFooter(of sectionID: UInt32, hasFooters: Bool) throws(SnapError) {
        guard hasFooters else { return }
        let place = offset
        let mark = try integer("footer", as: UInt8.self)
        let found = try integer("footer", as: UInt32.self)
        guard mark == ElementType.footer.rawValue, found == sectionID else {
            throw damage(
                "footer is \(mark) of section \(found), expected "
                    + "\(ElementType.footer.rawValue) of section \(sectionID)", at: place)
        }
    }

    /// Skips a command that a stream in a file may contain.
    ///
    /// - Returns: The command's number.
    /// - Throws: `.unsupported` for any other command; `.inputDamaged`, `.inputOutput` or
    ///   `.interrupted`.
    mutating func readCommand() throws(SnapError) -> UInt16 {
        let place = offset
        _ = try integer("command", as: UInt8.self)
        let command = try integer("command", as: UInt16.self)
        let length = try integer("command length", as: UInt16.self)
        guard StreamFormat.harmlessCommands.contains(command) else {
            throw unsupported(
                "stream contains command \(command), which is not valid in a saved stream",
                at: place)
        }
        try skip(Int(length))
        return command
    }

    /// Checks whether a section's footer comes next.
    ///
    /// - Parameters:
    ///   - sectionID: The section's number.
    ///   - hasFooters: Whether the stream has footers.
    /// - Returns: Whether the footer comes next or, in a stream without footers, an element.
    /// - Throws: `.inputOutput` or `.interrupted`.
    mutating func hasFooter(of sectionID: UInt32, hasFooters: Bool) throws(SnapError) -> Bool {
        let next = try peek(StreamFormat.footerByteCount)
        guard hasFooters else { return next.first.flatMap(ElementType.init(rawValue:)) != nil }
        return next == [ElementType.footer.rawValue] + sectionID.bigEndianBytes
    }

    /// Checks whether a section's footer follows its state.
    ///
    /// - Parameters:
    ///   - sectionID: The section's number.
    ///   - hasFooters: Whether the stream has footers.
    ///   - head: The length in bytes of the section's header, which comes next.
    ///   - state: The length of the section's state in bytes.
    /// - Returns: Whether the footer follows or, in a stream without footers, an element.
    /// - Throws: `.inputOutput`.
    func hasFooter(
        of sectionID: UInt32, hasFooters: Bool, after head: Int, _ state: Int
    ) throws(SnapError) -> Bool {
        guard state <= StreamLimits.memoryByteCountMax else { return false }
        let next = try peek(StreamFormat.footerByteCount, ahead: head + state)
        guard hasFooters else { return next.first.flatMap(ElementType.init(rawValue:)) != nil }
        return next == [ElementType.footer.rawValue] + sectionID.bigEndianBytes
    }

    /// Skips to the next bytes that look like a section's footer followed by another element.
    ///
    /// - Parameters:
    ///   - sectionID: The section's number.
    ///   - names: The sections that have started; nil if any section may have started.
    ///   - allowsStrayBytes: Whether any bytes may follow the stream's end mark.
    /// - Returns: false if there are no such bytes; the stream is at its end then.
    /// - Throws: `.inputDamaged`, `.inputOutput` or `.interrupted`.
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

    /// Whether bytes look like the start of an element.
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
