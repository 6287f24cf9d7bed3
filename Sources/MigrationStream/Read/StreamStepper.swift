import SnapSystem

/// Steps through the kept bytes of a stream, from each element whose end is known to the next.
///
/// If the stream has a description, the stepper relies on it, and the stream must match it: the
/// devices that have one section are exactly those in the description, in its order, and each
/// state has the length in the description.
struct StreamStepper: ~Copyable {
    /// A position in the stream, with all facts that determine how the rest can be divided.
    struct State: Hashable {
        /// The offset among the kept bytes.
        var offset: Int
        /// The number of described devices before the offset.
        var deviceCount: Int
        /// The section number of the RAM; nil before the RAM starts.
        var ramID: UInt32?
        /// Whether a later section of the RAM precedes the offset.
        var hasRAMParts = false
        /// Whether the last section of the RAM precedes the offset.
        var hasRAMEnd = false
    }

    /// The element at an offset.
    enum Step {
        /// An element, and the state after it.
        case piece(StreamPiece, State)
        /// The stream's last element.
        case last(StreamPiece)
        /// A section that may end at any of its footers.
        case openEnd(SectionHead)
    }

    private let configuration: StreamConfiguration
    private let placed: PlacedDescription?
    private(set) var input: StreamInput
    private let end: Int
    private let allowsStrayBytes: Bool
    /// The headers of the sections that have started, in any division of the stream tried so far.
    private var started: [UInt32: SectionHead]

    /// Creates a stepper.
    ///
    /// - Parameters:
    ///   - input: The kept bytes.
    ///   - byteCount: The number of kept bytes.
    ///   - configuration: The stream's configuration.
    ///   - placed: The description that the stream must match and that ends it; nil without a
    ///     description: then a section ends at its first footer.
    ///   - started: The headers of the sections that have already started.
    ///   - allowsStrayBytes: Whether any bytes may follow the end of a stream that has no
    ///     description.
    init(
        _ input: consuming StreamInput, byteCount: Int, configuration: StreamConfiguration,
        by placed: PlacedDescription?, started: [UInt32: SectionHead], allowsStrayBytes: Bool
    ) {
        self.allowsStrayBytes = allowsStrayBytes
        self.input = input
        self.configuration = configuration
        self.placed = placed
        self.started = started
        end = byteCount
    }

    /// Finds the offsets at which a section of a given number may end.
    ///
    /// - Parameters:
    ///   - sectionID: The section's number.
    ///   - start: The offset at which the search starts.
    ///   - countMax: The number of offsets after which the search stops.
    /// - Returns: The offsets after the section's footers, ascending.
    mutating func ends(
        of sectionID: UInt32, from start: Int, countMax: Int
    ) throws(SnapError) -> [Int] {
        var found: [Int] = []
        input.move(to: start)
        while found.count < countMax, try input.skipToFooter(of: sectionID, known: nil) {
            try input.skip(StreamFormat.footerByteCount)
            found.append(input.offset)
            try Interruption.check()
        }
        return found
    }

    /// Determines which element is at an offset.
    ///
    /// - Parameter state: The offset, and the facts about the elements before it.
    /// - Returns: The element.
    /// - Throws: `.inputDamaged` if no element fits; `.unsupported` if a section precedes the end
    ///   of the RAM and there is no description; `.inputOutput` or `.interrupted`.
    mutating func step(at state: State) throws(SnapError) -> Step {
        input.move(to: state.offset)
        guard let byte = try input.peek(1).first else {
            throw input.damage("stream ends without its end mark")
        }
        switch ElementType(rawValue: byte) {
        case .end: return .last(try endPiece(at: state))
        case .command:
            _ = try input.readCommand()
            return step(.command, at: state)
        case .start, .full:
            return try stepThroughSection(try SectionHead(peekingAt: &input), at: state)
        case .part, .sectionEnd:
            return try stepThroughSection(try continuation(at: state), at: state)
        default:
            throw input.damage("element has type \(byte), expected 0 to 4 or 8")
        }
    }

    /// Returns the piece that ends at the input's current offset, and the state after it.
    private func step(
        _ kind: StreamPiece.Kind, _ sectionID: UInt32 = 0, at state: State
    ) -> Step {
        var next = state
        next.offset = input.offset
        let piece = StreamPiece(
            kind: kind, range: state.offset..<input.offset, sectionID: sectionID)
        return .piece(piece, next)
    }

    /// Reads the header of a section that continues.
    ///
    /// Whether that section has started is checked when the division of the stream is known.
    private mutating func continuation(at state: State) throws(SnapError) -> SectionHead {
        let bytes = try input.peek(5)
        guard bytes.count == 5, let type = ElementType(rawValue: bytes[0]) else {
            throw input.damage("stream ends in a section header")
        }
        let id = UInt32(bigEndianBytes: bytes[1...])
        let name = id == state.ramID ? StreamFormat.ramName : started[id]?.name ?? ""
        if placed == nil && name.isEmpty {
            throw input.damage("unexpected continuation of section \(id), which has not started")
        }
        return SectionHead(type: type, sectionID: id, name: name)
    }

    private mutating func stepThroughSection(
        _ head: SectionHead, at state: State
    ) throws(SnapError) -> Step {
        if head.type == .start || head.type == .full { begin(head) }
        if head.name == StreamFormat.ramName { return try stepThroughRAM(head, at: state) }
        let first = state.offset + head.byteCount
        if head.type == .full {
            return try stepThroughDevice(head, at: state, first: first)
        }
        input.move(to: first)
        if configuration.hasFooters, let format = IterableFormat(rawValue: head.name),
            try format.isPayload(&input, of: head.sectionID)
        {
            try input.skip(StreamFormat.footerByteCount)
            return step(.device(head.type), head.sectionID, at: state)
        }
        guard configuration.hasFooters else {
            // Without footers, nothing separates this section from the described devices.
            guard placed == nil else {
                throw input.damage(
                    "cannot determine where section \(head.name) ends", at: state.offset)
            }
            return .last(try allDevices(from: state))
        }
        if placed != nil { return .openEnd(head) }
        // If fewer bytes remain than the longest field has, the stream is truncated.
        guard try input.peek(8).count == 8 else {
            throw input.damage("stream ends in section \(head.name)", at: end)
        }
        guard state.hasRAMEnd else { throw try earlySectionError(head, at: state) }
        return try stepToFooter(head, at: state, first: first)
    }

    /// Remembers the header of a section that starts.
    ///
    /// If two divisions of the stream have different sections with the same number, the remembered
    /// name becomes empty.
    private mutating func begin(_ head: SectionHead) {
        var head = head
        if let other = started[head.sectionID], other.name != head.name {
            head = SectionHead(type: head.type, sectionID: head.sectionID, name: "")
        }
        started[head.sectionID] = head
    }

    private mutating func stepThroughRAM(
        _ head: SectionHead, at state: State
    ) throws(SnapError) -> Step {
        let isStart = head.type == .start
        guard head.type != .full, isStart == (state.ramID == nil), !state.hasRAMEnd else {
            throw input.damage("unexpected start or continuation of the RAM")
        }
        try input.skip(head.byteCount)
        try input.skipRAM(configuration)
        try input.readFooter(of: head.sectionID, hasFooters: configuration.hasFooters)
        var next = state
        next.offset = input.offset
        next.ramID = head.sectionID
        next.hasRAMParts = !isStart
        next.hasRAMEnd = head.type == .sectionEnd
        let range = state.offset..<input.offset
        return .piece(
            StreamPiece(kind: .ram(head.type), range: range, sectionID: head.sectionID), next)
    }

    /// Steps through a device that has one section.
    private mutating func stepThroughDevice(
        _ head: SectionHead, at state: State, first: Int
    ) throws(SnapError) -> Step {
        guard let devices = placed?.description.devices else {
            // In a background snapshot, the RAM has pages but no last section.
            guard state.hasRAMEnd || state.hasRAMParts else {
                throw try earlySectionError(head, at: state)
            }
            var state = state
            state.hasRAMEnd = true
            guard configuration.hasFooters else { return .last(try allDevices(from: state)) }
            return try stepToFooter(head, at: state, first: first)
        }
        guard state.deviceCount < devices.count, devices[state.deviceCount].owns(head)
        else {
            throw input.damage(
                "section \(head.name), instance \(head.instanceID), is not the next device in "
                    + "the stream's description", at: state.offset)
        }
        guard let byteCount = devices[state.deviceCount].byteCount,
            try input.hasFooter(
                of: head.sectionID, hasFooters: configuration.hasFooters, after: head.byteCount,
                byteCount)
        else {
            throw lengthError(head, devices[state.deviceCount].byteCount, at: state)
        }
        var next = state
        next.deviceCount += 1
        next.offset = first + byteCount
        if configuration.hasFooters { next.offset += StreamFormat.footerByteCount }
        return .piece(
            StreamPiece(
                kind: .device(.full), range: state.offset..<next.offset,
                sectionID: head.sectionID), next)
    }

    /// Returns the error for a section whose footer is not where the description places it.
    private func lengthError(
        _ head: SectionHead, _ byteCount: Int?, at state: State
    ) -> SnapError {
        let length = byteCount.map { "does not have \($0) bytes, its length" } ?? "has no length"
        return input.damage(
            "section \(head.name) \(length) in the stream's description", at: state.offset
        ).with(
            hint: "QEMU before 9.2 describes some devices incorrectly; start QEMU with "
                + "-machine suppress-vmdesc=on to omit the description")
    }

    private mutating func stepToFooter(
        _ head: SectionHead, at state: State, first: Int
    ) throws(SnapError) -> Step {
        input.move(to: first)
        guard
            try input.skipToFooter(
                of: head.sectionID, known: started, allowsStrayBytes: allowsStrayBytes)
        else {
            throw input.damage("section \(head.name) has no footer", at: state.offset)
        }
        try input.skip(StreamFormat.footerByteCount)
        return step(.device(head.type), head.sectionID, at: state)
    }

    /// Returns the error for a section of unknown length before the end of the RAM.
    private mutating func earlySectionError(
        _ head: SectionHead, at state: State
    ) throws(SnapError) -> SnapError {
        input.move(to: end - 1)
        guard try input.peek(1) == [0] else {
            return input.damage("stream ends without its end mark", at: end)
        }
        return input.unsupported(
            "section \(head.name) precedes the end of the RAM, and the stream has no description "
                + "that states the section's length", at: state.offset)
    }

    /// Returns one piece with all devices, which cannot be separated, up to the stream's end.
    private mutating func allDevices(from state: State) throws(SnapError) -> StreamPiece {
        guard state.hasRAMEnd || state.hasRAMParts else {
            throw input.unsupported(
                "a section of unknown length precedes the end of the RAM", at: state.offset)
        }
        input.move(to: end - 1)
        guard try input.peek(1) == [0] else {
            throw input.damage("stream ends without its end mark", at: end)
        }
        return StreamPiece(kind: .allDevices, range: state.offset..<end)
    }

    /// Returns the piece with the end mark and, if there is one, the description.
    private mutating func endPiece(at state: State) throws(SnapError) -> StreamPiece {
        if let placed {
            guard state.ramID == nil || state.hasRAMEnd || state.hasRAMParts else {
                throw input.damage("stream ends before the pages of its RAM", at: state.offset)
            }
            guard state.offset + 1 == placed.offset,
                state.deviceCount == placed.description.devices.count
            else {
                throw input.damage(
                    "stream ends after \(state.deviceCount) devices, expected "
                        + "\(placed.description.devices.count) devices before the description "
                        + "at \(placed.offset)",
                    at: state.offset)
            }
            return StreamPiece(kind: .end, range: state.offset..<placed.end)
        }
        try input.skip(1)
        if try input.peek(1) == [ElementType.description.rawValue] {
            try input.skip(1)
            let start = input.offset
            let length = try input.integer("description length", as: UInt32.self)
            guard length <= StreamLimits.descriptionByteCountMax else {
                throw input.damage(
                    "description has \(length) bytes, expected at most "
                        + "\(StreamLimits.descriptionByteCountMax)", at: start)
            }
            _ = try input.bytes(Int(length), "description")
        }
        return StreamPiece(kind: .end, range: state.offset..<input.offset)
    }
}
