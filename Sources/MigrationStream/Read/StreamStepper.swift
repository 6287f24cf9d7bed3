import SnapSystem

/// Goes through the kept bytes of a stream from one element to the next, as long as each one's end
/// is known.
///
/// A description that is there is believed, and must be right: the devices that have one section
/// are those that it names, in its order, each as long as it says.
struct StreamStepper: ~Copyable {
    /// What decides how the rest of the stream can be divided.
    struct State: Hashable {
        var offset: Int
        /// How many of the described devices have come.
        var deviceCount: Int
        /// The number of the RAM's section; nil before it has begun.
        var ramID: UInt32?
        var hasRAMParts = false
        var hasRAMEnd = false
    }

    /// What can be done at a place.
    enum Step {
        case piece(StreamPiece, State)
        case last(StreamPiece)
        case openEnd(SectionHead)
    }

    private let configuration: StreamConfiguration
    private let placed: PlacedDescription?
    private(set) var input: StreamInput
    private let end: Int
    private let allowsStrayBytes: Bool
    /// The headers of the sections that have begun, on whatever way.
    private var begun: [UInt32: SectionHead]

    /// - Parameters:
    ///   - input: The kept bytes.
    ///   - byteCount: How many they are.
    ///   - configuration: What the stream says of itself.
    ///   - placed: The description that says what is to be found, and ends the stream; nil
    ///     without one, and then the first footer is a section's end.
    ///   - begun: The headers of the sections that have begun before.
    ///   - allowsStrayBytes: Whether anything may follow the end of a stream without a
    ///     description.
    init(
        _ input: consuming StreamInput, byteCount: Int, configuration: StreamConfiguration,
        by placed: PlacedDescription?, begun: [UInt32: SectionHead], allowsStrayBytes: Bool
    ) {
        self.allowsStrayBytes = allowsStrayBytes
        self.input = input
        self.configuration = configuration
        self.placed = placed
        self.begun = begun
        end = byteCount
    }

    /// Where a section of this number may have ended, ascending.
    ///
    /// - Parameters:
    ///   - sectionID: The section's number.
    ///   - start: Where to look from.
    ///   - countMax: How many are wanted.
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

    /// Finds out what comes at a place.
    ///
    /// - Parameter state: The place, and what has come before it.
    /// - Throws: `.inputDamaged` if nothing that fits; `.unsupported` without a description for a
    ///   section before the RAM's end; `.inputOutput`.
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
            throw input.damage("element has type \(byte), expected one of 0 to 4 or 8")
        }
    }

    /// A piece up to where the input is, and what comes after it.
    private func step(
        _ kind: StreamPiece.Kind, _ sectionID: UInt32 = 0, at state: State
    ) -> Step {
        var next = state
        next.offset = input.offset
        let piece = StreamPiece(
            kind: kind, range: state.offset..<input.offset, sectionID: sectionID)
        return .piece(piece, next)
    }

    /// The header of a section that continues; which one is checked when the way is known.
    private mutating func continuation(at state: State) throws(SnapError) -> SectionHead {
        let bytes = try input.peek(5)
        guard bytes.count == 5, let type = ElementType(rawValue: bytes[0]) else {
            throw input.damage("stream ends in a section's header")
        }
        let id = UInt32(bigEndianBytes: bytes[1...])
        let name = id == state.ramID ? StreamFormat.ramName : begun[id]?.name ?? ""
        if placed == nil && name.isEmpty {
            throw input.damage("section \(id) continues and has not begun")
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
            // What the description names could not be told from what it does not.
            guard placed == nil else {
                throw input.damage(
                    "nothing says where section \(head.name) ends", at: state.offset)
            }
            return .last(try allDevices(from: state))
        }
        if placed != nil { return .openEnd(head) }
        // Where fewer bytes are left than the longest field has, the stream was cut.
        guard try input.peek(8).count == 8 else {
            throw input.damage("stream ends in section \(head.name)", at: end)
        }
        guard state.hasRAMEnd else { throw try isTooEarly(head, at: state) }
        return try stepToFooter(head, at: state, first: first)
    }

    /// Notes a header.
    ///
    /// Where two ways have other sections of the same number, its name is neither's.
    private mutating func begin(_ head: SectionHead) {
        var head = head
        if let other = begun[head.sectionID], other.name != head.name {
            head = SectionHead(type: head.type, sectionID: head.sectionID, name: "")
        }
        begun[head.sectionID] = head
    }

    private mutating func stepThroughRAM(
        _ head: SectionHead, at state: State
    ) throws(SnapError) -> Step {
        let isStart = head.type == .start
        guard head.type != .full, isStart == (state.ramID == nil), !state.hasRAMEnd else {
            throw input.damage("RAM begins or continues where it cannot")
        }
        try input.skip(head.byteCount)
        try input.skipRAM(configuration)
        try input.readFooter(of: head.sectionID, isThere: configuration.hasFooters)
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
            // A background snapshot has pages and no end of them.
            guard state.hasRAMEnd || state.hasRAMParts else {
                throw try isTooEarly(head, at: state)
            }
            var state = state
            state.hasRAMEnd = true
            guard configuration.hasFooters else { return .last(try allDevices(from: state)) }
            return try stepToFooter(head, at: state, first: first)
        }
        guard state.deviceCount < devices.count, devices[state.deviceCount].isOwner(of: head)
        else {
            throw input.damage(
                "section \(head.name) of instance \(head.instanceID) is not the one that the "
                    + "stream's description names here", at: state.offset)
        }
        guard let byteCount = devices[state.deviceCount].byteCount,
            try input.hasFooter(
                of: head.sectionID, isThere: configuration.hasFooters, behind: head.byteCount,
                byteCount)
        else {
            throw isOtherLength(head, devices[state.deviceCount].byteCount, at: state)
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

    /// The error of a section whose footer is not where the description says.
    private func isOtherLength(
        _ head: SectionHead, _ byteCount: Int?, at state: State
    ) -> SnapError {
        let length = byteCount.map { "is not \($0) bytes long" } ?? "has no length"
        return input.damage(
            "section \(head.name) \(length), as the stream's description says", at: state.offset
        ).with(
            hint: "QEMU before 9.2 describes some devices wrongly, and leaves the description "
                + "out with -machine suppress-vmdesc=on")
    }

    private mutating func stepToFooter(
        _ head: SectionHead, at state: State, first: Int
    ) throws(SnapError) -> Step {
        input.move(to: first)
        guard
            try input.skipToFooter(
                of: head.sectionID, known: begun, allowsStrayBytes: allowsStrayBytes)
        else {
            throw input.damage("section \(head.name) has no footer", at: state.offset)
        }
        try input.skip(StreamFormat.footerByteCount)
        return step(.device(head.type), head.sectionID, at: state)
    }

    /// The error of a section before the RAM's end whose length nothing says.
    private mutating func isTooEarly(
        _ head: SectionHead, at state: State
    ) throws(SnapError) -> SnapError {
        input.move(to: end - 1)
        guard try input.peek(1) == [0] else {
            return input.damage("stream ends without its end mark", at: end)
        }
        return input.unsupported(
            "section \(head.name) comes before the RAM's end, and the stream has no description "
                + "that says how long it is", at: state.offset)
    }

    /// What can't be told apart stays together, if it ends as a stream does.
    private mutating func allDevices(from state: State) throws(SnapError) -> StreamPiece {
        guard state.hasRAMEnd || state.hasRAMParts else {
            throw input.unsupported(
                "a section comes before the RAM's end, and nothing says how long it is",
                at: state.offset)
        }
        input.move(to: end - 1)
        guard try input.peek(1) == [0] else {
            throw input.damage("stream ends without its end mark", at: end)
        }
        return StreamPiece(kind: .allDevices, range: state.offset..<end)
    }

    /// The end mark, and the description where there is one.
    private mutating func endPiece(at state: State) throws(SnapError) -> StreamPiece {
        if let placed {
            guard state.ramID == nil || state.hasRAMEnd || state.hasRAMParts else {
                throw input.damage("stream ends before its RAM", at: state.offset)
            }
            guard state.offset + 1 == placed.offset,
                state.deviceCount == placed.description.devices.count
            else {
                throw input.damage(
                    "stream ends after \(state.deviceCount) devices, its description has "
                        + "\(placed.description.devices.count) and is at \(placed.offset)",
                    at: state.offset)
            }
            return StreamPiece(kind: .end, range: state.offset..<placed.end)
        }
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
        return StreamPiece(kind: .end, range: state.offset..<input.offset)
    }
}
