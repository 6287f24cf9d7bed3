// MigrationStream
//
// QEMU's migration stream, in (Read) and out (Write), and how files of other kinds are recognised
// (Format). It knows files and pipes, and neither stores nor sockets. Start here, with
// `StreamContent` for what comes out of it; shared terms are in QEMU's docs/devel/migration.

package import GuestMemory
package import SnapSystem
package import WorkPipeline

/// Reads a QEMU migration stream in one pass.
///
///     header ─ configuration ─┬─ RAM sections ─ page records ─ stage
///                             └─ all else, as it is ─ kept ─ divided by the description
///
/// What a device's section holds has no length in the stream. The description at the stream's end
/// has it, and that is read first where the stream is a file. Where the stream comes through a
/// pipe, or the description says too little, everything from the first section of unknown length
/// on is kept, RAM too, and divided when all of it is there.
package struct StreamReader: ~Copyable {
    /// How many bytes of a stream are kept unless more are allowed: 1 GiB.
    package static let usualKeptByteCountMax = 1 << 30

    private let keepsRAM: Bool
    private let scratch: Directory
    private var input: StreamInput
    private var configuration: StreamConfiguration
    /// The description at the end of a file.
    private let description: VMDescription?
    /// How many of the devices that it describes have come.
    private var deviceCount = 0
    private var ram: RAMReader
    private var hasBegunRAM = false
    private var elements: StreamElements
    /// Where among the kept bytes the sections begin that are not divided yet, if some bytes of
    /// them have been taken.
    private var firstUndivided: Int?

    /// Opens a stream and reads what it says of itself.
    ///
    /// - Parameters:
    ///   - source: The stream: a file or a pipe.
    ///   - scratch: The directory in whose file system scratch files are.
    ///   - stagesRAM: Whether pages are staged; if not, RAM sections are kept like all else.
    ///   - deadline: Until when all of it has to come from a pipe; nil for no limit.
    ///   - keptByteCountMax: How many bytes may be kept: device state, and RAM that is not staged,
    ///     or has to be divided from it when all is there.
    ///   - progress: Where it tells how far it has come.
    /// - Throws: `.unsupported` for what is no such stream, `.inputDamaged`, `.inputOutput`.
    package init(
        _ source: SharedFile, scratch: Directory, stagesRAM: Bool,
        deadline: ContinuousClock.Instant? = nil, keptByteCountMax: Int = usualKeptByteCountMax,
        progress: WorkProgress = WorkProgress()
    ) throws(SnapError) {
        var input = try StreamInput(source, keeping: try KeptBytes(in: scratch))
        input.progress = progress
        input.deadline = deadline
        input.keptByteCountMax = keptByteCountMax
        input.isKeeping = true
        var configuration = try StreamConfiguration(&input)
        if configuration.isMapped && configuration.ignoresShared {
            throw input.unsupported("mapped-ram together with x-ignore-shared is not supported")
        }
        if configuration.isMapped && !stagesRAM {
            throw input.unsupported("a mapped-ram stream is no device state", at: 0)
        }
        let description =
            input.isSeekable
            ? try PlacedDescription.last(in: source.file, from: input.offset)?.description : nil
        try configuration.take(description?.pageByteCount, input)
        let stage = stagesRAM ? try MemoryStage(in: scratch) : nil
        ram = RAMReader(configuration, stage)
        self.description = description
        self.configuration = configuration
        elements = StreamElements(keepsRAM: !stagesRAM)
        elements.addFraming(0..<input.keptByteCount)
        self.input = input
        keepsRAM = !stagesRAM
        self.scratch = scratch
    }

    /// Reads the stream to its end.
    ///
    /// - Returns: What it holds, and its RAM blocks, where they were staged.
    /// - Throws: `.inputDamaged` with the place, `.unsupported`, `.inputOutput`, `.interrupted`.
    package consuming func read() throws(SnapError) -> (StreamContent, [MemoryImage]) {
        do throws(SnapError) {
            while try readElement() {}
        } catch {
            // Pages of another size make no sense, and only the stream's end says that they are.
            guard error.code == .inputDamaged || error.code == .unsupported,
                hasBegunRAM, !input.isSeekable
            else { throw error }
            let tail = try input.takeTail(byteCountMax: PlacedDescription.byteCountMax)
            let found = PlacedDescription.last(in: tail, at: 0)?.description
            try configuration.check(found?.pageByteCount, input)
            throw error
        }
        let path = input.path
        let firstKept = firstUndivided ?? input.keptByteCount
        try input.skipRest()
        let leftOut = input.offset - input.keptByteCount
        guard let kept = try input.takeKept() else {
            throw SnapError(.internalFailure, "nothing was kept of a stream")
        }
        let splitter = SectionSplitter(
            StreamInput(kept: kept, of: path, leftOut), kept: kept, configuration: configuration,
            from: firstKept, after: elements, deviceCount: deviceCount)
        let split = try splitter.split(&ram, scratch: scratch)
        if ram.lacksPages && !keepsRAM {
            throw SnapError(
                .unsupported,
                "has no pages but zero ones: is it the main channel of a multifd migration?",
                path: path, offset: 0, hint: "migrate to a file or a pipe, with multifd off")
        }
        let content = StreamContent(
            configuration: configuration, blocks: ram.blocks, sentBlocks: ram.sentBlocks,
            unsentRuns: ram.unsentRuns, elements: split.elements, bytes: split.bytes,
            strayByteCount: split.strayByteCount)
        return (content, try ram.takeImages())
    }

    /// Reads an element whose end is known.
    ///
    /// - Returns: Whether another may follow: the RAM has not ended.
    private mutating func readElement() throws(SnapError) -> Bool {
        let place = input.offset
        try elements.checkCount(input)
        guard let byte = try input.peek(1).first else {
            throw input.damage("stream ends without its end mark")
        }
        switch ElementType(rawValue: byte) {
        case .end: return false
        case .start, .full:
            let head = try SectionHead(peekingAt: &input)
            guard head.name == StreamFormat.ramName else { return try readDevice(head) }
            try ram.checkStart(head, input)
            try readRAM(head)
        case .part, .sectionEnd:
            let head = try SectionHead(peekingAt: &input, continuing: elements.begun)
            guard head.name == StreamFormat.ramName else { return try readDevice(head) }
            try readRAM(head)
        case .command:
            let first = input.keptByteCount
            _ = try input.readCommand()
            elements.addFraming(first..<input.keptByteCount)
        default:
            throw input.damage(
                "element has type \(byte), expected one of 0 to 4 or 8", at: place)
        }
        return !elements.hasRAMEnd
    }

    /// Reads a RAM section; of staged RAM its beginning and its end are noted, without bytes.
    private mutating func readRAM(_ head: SectionHead) throws(SnapError) {
        let place = input.offset
        hasBegunRAM = true
        input.isKeeping = keepsRAM
        let first = input.keptByteCount
        try input.skip(head.byteCount)
        try ram.readSection(&input)
        try input.readFooter(of: head.sectionID, isThere: configuration.hasFooters)
        input.isKeeping = true
        try ram.checkBlocks(input, at: place)
        try elements.addRAM(head, first..<input.keptByteCount, of: input, at: place)
    }

    /// Reads a section of a device, if its end is known: from the description of a file, or from
    /// the format of what is sent in several sections.
    ///
    /// - Returns: Whether it was.
    private mutating func readDevice(_ head: SectionHead) throws(SnapError) -> Bool {
        let place = input.offset
        let first = input.keptByteCount
        let hasFooters = configuration.hasFooters
        if head.type == .full {
            guard let description, deviceCount < description.devices.count else { return false }
            let device = description.devices[deviceCount]
            guard device.isOwner(of: head), let byteCount = device.byteCount,
                try input.hasFooter(
                    of: head.sectionID, isThere: hasFooters, behind: head.byteCount, byteCount)
            else { return false }
            try input.skip(head.byteCount + byteCount)
            deviceCount += 1
        } else {
            guard hasFooters, let format = IterableFormat(rawValue: head.name) else {
                return false
            }
            try input.skip(head.byteCount)
            guard try format.isPayload(&input, of: head.sectionID) else {
                firstUndivided = first
                return false
            }
        }
        let stateByteCount = input.offset - place - head.byteCount
        try input.readFooter(of: head.sectionID, isThere: hasFooters)
        try elements.addDevice(
            head, first..<input.keptByteCount, stateByteCount: stateByteCount, of: input,
            at: place)
        return true
    }
}
