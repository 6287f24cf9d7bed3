package import GuestMemory
package import SnapSystem

/// What a stream holds besides pages.
package struct StreamContent: Sendable {
    /// What it says of itself.
    package let configuration: StreamConfiguration
    /// Its RAM blocks, in its order; none if it has no RAM section.
    package let blocks: [RAMBlock]
    /// Those of them of which pages have come.
    package let sentBlocks: Set<Int>
    /// Its elements in order, one after the other without gaps.
    package let elements: [StreamElement]
    /// The file that holds their bytes.
    package let bytes: SharedFile

    /// The blocks that are listed and of which no page has come, because others share them.
    package var ignoredBlocks: [RAMBlock] {
        configuration.ignoresShared
            ? blocks.indices.filter { !sentBlocks.contains($0) }.map { blocks[$0] } : []
    }
}

/// An element of a stream that is kept.
package struct StreamElement: Sendable, Equatable {
    /// The sorts of elements.
    package enum Kind: Sendable {
        /// Bytes around sections: header, configuration, commands, end, description.
        case framing
        /// The section that begins the RAM.
        case ramStart
        /// A later section of the RAM.
        case ram
        /// A section of a device.
        case device
    }

    /// What sort it is.
    package let kind: Kind
    /// The section's name; empty for framing.
    package var name = ""
    /// Which of several devices of that name.
    package var instanceID: UInt32 = 0
    /// The version of the device's own format.
    package var versionID: UInt32 = 0
    /// The section's number in the stream.
    package var sectionID: UInt32 = 0
    /// Where its bytes are in the kept ones; none for RAM whose pages are staged.
    package var range = 0..<0
    /// Where the device's own state is in its bytes, without header and footer.
    package var state = 0..<0
}

/// Reads a QEMU migration stream in one pass.
///
///     header ─ configuration ─┬─ RAM sections ─ page records ─ stage
///                             └─ all else, as it is ─ kept ─ split by description or footers
///
/// What a device's section holds has no length in the stream, so all that follows the RAM is kept
/// first and split afterwards, when the description at the end is known.
package struct StreamReader: ~Copyable {
    private let keepsRAM: Bool
    private var input: StreamInput
    private let configuration: StreamConfiguration
    private let configurationByteCount: Int
    private var ram: RAMReader
    private var ramElements: [StreamElement] = []
    /// Section ids and the names that came with them.
    private var names: [UInt32: String] = [:]
    private var isPostcopyAdvised = false
    private var hasRAMEnd = false

    /// Opens a stream and reads what it says of itself.
    ///
    /// - Parameters:
    ///   - source: The stream: a file or a pipe.
    ///   - scratch: The directory in whose file system scratch files are.
    ///   - stagesRAM: Whether pages are staged; if not, RAM sections are kept like all else.
    ///   - progress: Where it tells how far it has come.
    /// - Throws: `.unsupported` for what is no such stream, `.inputDamaged`, `.inputOutput`.
    package init(
        _ source: SharedFile, scratch: Directory, stagesRAM: Bool,
        _ progress: WorkProgress = WorkProgress()
    ) throws(SnapError) {
        var input = try StreamInput(source, keeping: try KeptBytes(in: scratch))
        input.progress = progress
        input.isKeeping = true
        let configuration = try StreamConfiguration(&input)
        if configuration.isMapped && configuration.ignoresShared {
            throw input.unsupported("mapped-ram together with x-ignore-shared is not supported")
        }
        if configuration.isMapped && !stagesRAM {
            throw input.unsupported("a mapped-ram stream is no device state", at: 0)
        }
        if configuration.ignoresShared && stagesRAM {
            throw input.unsupported(
                "an x-ignore-shared stream lacks the RAM that is shared", at: 0,
                hint: "snap save MEMORY-FILE --device-state \(input.path)")
        }
        ram = RAMReader(configuration, stagesRAM ? try MemoryStage(in: scratch) : nil)
        configurationByteCount = input.offset
        self.configuration = configuration
        self.input = input
        keepsRAM = !stagesRAM
    }

    /// Reads the stream to its end.
    ///
    /// - Returns: What it holds, and its RAM blocks, where they were staged.
    /// - Throws: `.inputDamaged` with the place, `.unsupported`, `.inputOutput`, `.interrupted`.
    package consuming func read() throws(SnapError) -> (StreamContent, [MemoryImage]) {
        while try readElement() {}
        try input.skipRest()
        if ram.lacksPages && !keepsRAM {
            throw input.unsupported(
                "has no pages but zero ones: is it the main channel of a multifd migration?",
                at: 0, hint: "migrate to a file or a pipe, with multifd off")
        }
        let path = input.path
        let leftOut = input.offset - input.keptByteCount
        guard let kept = try input.takeKept() else {
            throw SnapError(.internalFailure, "nothing was kept of a stream")
        }
        let splitter = try SectionSplitter(
            StreamInput(kept: kept, of: path, leftOut), kept, configuration,
            from: configurationByteCount, ramElements)
        let elements = try splitter.split()
        let content = StreamContent(
            configuration: configuration, blocks: ram.blocks, sentBlocks: ram.sentBlocks,
            elements: elements, bytes: kept)
        return (content, try ram.takeImages())
    }

    /// Reads up to where the RAM has ended.
    ///
    /// - Returns: Whether more RAM may follow.
    private mutating func readElement() throws(SnapError) -> Bool {
        let place = input.offset
        guard max(names.count, ramElements.count) < StreamLimits.elementCountMax else {
            throw input.damage("more than \(StreamLimits.elementCountMax) elements")
        }
        let field = try input.peek(1)
        guard let byte = field.first else {
            throw input.damage("stream ends without its end mark")
        }
        switch ElementType(rawValue: byte) {
        case .end:
            noteRAMEnd()
            return false
        case .full where !ram.blocks.isEmpty:
            // The devices follow, and no RAM after them.
            noteRAMEnd()
            return false
        case .start, .full:
            try readStart(at: place)
        case .part, .sectionEnd:
            try readPart(at: place)
        case .command:
            isPostcopyAdvised =
                try input.readCommand() == StreamFormat.postcopyAdvice
                || isPostcopyAdvised
        default:
            throw input.damage(
                "element has type \(byte), expected one of 0 to 4 or 8", at: place)
        }
        return true
    }

    private mutating func readStart(at place: Int) throws(SnapError) {
        // Whether it is RAM is known only after the name.
        let head = try SectionHead(peekingAt: &input)
        guard head.name == StreamFormat.ramName else {
            try input.skip(head.byteCount)
            try note(head.name, head.sectionID, at: place)
            return try skipSection(head.sectionID, head.name)
        }
        guard head.type == .start else {
            throw input.damage("RAM is in one section, expected one that begins it", at: place)
        }
        guard head.versionID == StreamFormat.ramVersion, ram.blocks.isEmpty else {
            throw input.unsupported(
                "RAM section has version \(head.versionID) or comes twice, expected version "
                    + "\(StreamFormat.ramVersion) once", at: place)
        }
        try note(head.name, head.sectionID, at: place)
        try readRAM(StreamElement(.ramStart, head), headByteCount: head.byteCount)
        guard !ram.blocks.isEmpty else {
            throw input.damage("RAM begins without a list of its blocks", at: place)
        }
    }

    private mutating func readPart(at place: Int) throws(SnapError) {
        let head = try input.peek(5)
        guard head.count == 5 else { throw input.damage("stream ends in a section's header") }
        let sectionID = UInt32(bigEndianBytes: head[1...])
        guard let name = names[sectionID] else {
            throw input.damage("section \(sectionID) goes on that has not begun", at: place)
        }
        guard name == StreamFormat.ramName else {
            try input.skip(5)
            return try skipSection(sectionID, name)
        }
        guard !hasRAMEnd else {
            throw input.damage("RAM goes on behind its end", at: place)
        }
        var element = StreamElement(kind: .ram)
        element.sectionID = sectionID
        hasRAMEnd = head[0] == ElementType.sectionEnd.rawValue
        try readRAM(element, headByteCount: 5)
    }

    /// Reads a RAM section; of staged RAM its beginning and its end are noted, without bytes.
    private mutating func readRAM(
        _ element: StreamElement, headByteCount: Int
    ) throws(SnapError) {
        var element = element
        input.isKeeping = keepsRAM
        let first = input.keptByteCount
        try input.skip(headByteCount)
        try ram.readSection(&input, hasPageSizes: isPostcopyAdvised)
        try input.readFooter(of: element.sectionID, isThere: configuration.hasFooters)
        element.range = first..<input.keptByteCount
        input.isKeeping = true
        if keepsRAM || element.kind == .ramStart || hasRAMEnd { ramElements.append(element) }
    }

    /// A background snapshot has no last section of RAM.
    private mutating func noteRAMEnd() {
        guard !keepsRAM, !hasRAMEnd, let start = ramElements.first else { return }
        hasRAMEnd = true
        var element = StreamElement(kind: .ram)
        element.sectionID = start.sectionID
        element.range = input.keptByteCount..<input.keptByteCount
        ramElements.append(element)
    }

    private mutating func note(
        _ name: String, _ sectionID: UInt32, at place: Int
    ) throws(SnapError) {
        guard names.updateValue(name, forKey: sectionID) == nil else {
            throw input.damage("section \(sectionID) begins twice", at: place)
        }
    }

    /// Passes the state of something that is not RAM by, up to its footer.
    private mutating func skipSection(
        _ sectionID: UInt32, _ name: String
    ) throws(SnapError) {
        let place = input.offset
        guard configuration.hasFooters else {
            throw input.unsupported(
                "section \(name) comes before the RAM's end, and nothing says how long it is")
        }
        guard try input.skipToFooter(of: sectionID, known: names) else {
            throw input.damage("section \(name) has no footer", at: place)
        }
        try input.skip(StreamFormat.footerByteCount)
    }
}
