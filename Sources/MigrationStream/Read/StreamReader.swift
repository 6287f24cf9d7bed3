// MigrationStream
//
// Reads QEMU's migration stream (Read), writes it (Write), reads and writes what libvirt puts
// before it (Libvirt) and decompresses it (Decompression), and recognizes files in other formats
// (Format). It uses files, pipes and the programs that decompress, but neither stores nor sockets.
// Start here; `StreamContent` is what the reader returns. QEMU's docs/devel/migration defines the
// terms of the stream.

package import GuestMemory
package import SnapSystem
package import WorkPipeline

/// Reads a QEMU migration stream in one pass.
///
///     header ─ configuration ─┬─ RAM sections ─ page records ─ stage
///                             └─ all other bytes, verbatim ─ kept ─ divided by the description
///
/// A device's section does not contain its own length, but the description at the stream's end
/// does. If the stream is a file, the reader reads the description first. If the stream is a pipe,
/// or the description is incomplete, the reader keeps everything from the first section of unknown
/// length on, including RAM, and divides it after the complete stream has arrived.
package struct StreamReader: ~Copyable {
    /// The default limit on the bytes that are kept of a stream: 1 GiB.
    package static let defaultKeptByteCountMax = 1 << 30

    private let keepsRAM: Bool
    private let scratch: Directory
    private var input: StreamInput
    private var configuration: StreamConfiguration
    /// The description at the end of a file; nil for a pipe.
    private let description: VMDescription?
    /// The number of described devices that have been read so far.
    private var deviceCount = 0
    private var ram: RAMReader
    private var hasStartedRAM = false
    private var hasStartedPages = false
    private var elements: StreamElements
    /// The offset among the kept bytes of a section of unknown length that has been read in part;
    /// nil outside such a section.
    private var firstUndivided: Int?

    /// Opens a stream and reads its header and configuration.
    ///
    /// - Parameters:
    ///   - source: The source of the stream's bytes.
    ///   - scratch: The directory in whose file system scratch files are created.
    ///   - stagesRAM: Whether pages are staged. If not, RAM sections are kept like other sections.
    ///   - arrival: The time limits of a pipe.
    ///   - keptByteCountMax: The number of bytes that may be kept: device state, and RAM that is
    ///     not staged or must be separated from device state at the end.
    ///   - progress: The progress to which the reader reports the number of bytes read.
    /// - Throws: `.unsupported` if the source is not a stream that snap can read; `.inputDamaged`,
    ///   `.inputOutput` or `.interrupted`.
    package init(
        _ source: StreamSource, scratch: Directory, stagesRAM: Bool,
        arrival: StreamArrival = StreamArrival(), keptByteCountMax: Int = defaultKeptByteCountMax,
        progress: WorkProgress = WorkProgress()
    ) throws(SnapError) {
        var input = try StreamInput(source, keeping: try KeptBytes(in: scratch))
        input.progress = progress
        input.arrival = arrival
        input.keptByteCountMax = keptByteCountMax
        input.isKeeping = true
        var configuration = try StreamConfiguration(&input)
        if configuration.isMapped && configuration.ignoresShared {
            throw input.unsupported("mapped-ram together with x-ignore-shared is not supported")
        }
        if configuration.isMapped && !stagesRAM {
            throw input.unsupported("is a mapped-ram stream, expected only device state", at: 0)
        }
        let description = try input.descriptionAtEnd()
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
    /// - Parameter pagesStart: Called once, when the first section with only pages has arrived.
    /// - Returns: The stream's content, and an image of each RAM block; no images if pages are not
    ///   staged.
    /// - Throws: `.inputDamaged` with the offset, `.unsupported`, `.inputOutput` or `.interrupted`;
    ///   and what `pagesStart` throws.
    package consuming func read(
        pagesStart: () throws(SnapError) -> Void = {}
    ) throws(SnapError) -> (StreamContent, [MemoryImage]) {
        do throws(SnapError) {
            while try readElement(pagesStart) {}
        } catch {
            // The page size may be the cause: a pipe's stream may state it only at its end.
            guard error.code == .inputDamaged || error.code == .unsupported,
                hasStartedRAM, !input.isSeekable
            else { throw error }
            let tail = try input.takeTail(byteCountMax: PlacedDescription.byteCountMax)
            let found = PlacedDescription.last(in: tail, at: 0)?.description
            try configuration.check(found?.pageByteCount, input)
            throw error
        }
        let path = input.path
        let firstKept = firstUndivided ?? input.keptByteCount
        try input.skipRest()
        let start = input.startInFile ?? 0
        let leftOut = start + input.offset - input.keptByteCount
        guard let kept = try input.takeKept() else {
            throw SnapError(.internalFailure, "no bytes of the stream were kept")
        }
        let splitter = SectionSplitter(
            StreamInput(kept: kept, of: path, leftOut), kept: kept, configuration: configuration,
            from: firstKept, after: elements, deviceCount: deviceCount)
        let split = try splitter.split(&ram, scratch: scratch)
        if ram.lacksPages && !keepsRAM {
            throw SnapError(
                .unsupported,
                "has only zero pages: it may be the main channel of a multifd migration",
                path: path, offset: start, hint: "migrate to a file or a pipe with multifd off")
        }
        let content = StreamContent(
            configuration: configuration, blocks: ram.blocks, sentBlocks: ram.sentBlocks,
            unsentRuns: ram.unsentRuns, elements: split.elements, bytes: split.bytes,
            strayByteCount: split.strayByteCount)
        return (content, try ram.takeImages())
    }

    /// Reads the next element, if its end is known.
    ///
    /// - Returns: false after the end of the RAM, at the end mark, or if the element's end is not
    ///   known.
    private mutating func readElement(
        _ pagesStart: () throws(SnapError) -> Void
    ) throws(SnapError) -> Bool {
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
            let head = try SectionHead(peekingAt: &input, continuing: elements.started)
            guard head.name == StreamFormat.ramName else { return try readDevice(head) }
            if !hasStartedPages {
                hasStartedPages = true
                try pagesStart()
            }
            try readRAM(head)
        case .command:
            let first = input.keptByteCount
            _ = try input.readCommand()
            elements.addFraming(first..<input.keptByteCount)
        default:
            throw input.damage(
                "element has type \(byte), expected 0 to 4 or 8", at: place)
        }
        return !elements.hasRAMEnd
    }

    /// Reads a RAM section.
    ///
    /// If pages are staged, the list of elements has only the start and the end of the RAM, without
    /// bytes.
    private mutating func readRAM(_ head: SectionHead) throws(SnapError) {
        let place = input.offset
        hasStartedRAM = true
        input.isKeeping = keepsRAM
        let first = input.keptByteCount
        try input.skip(head.byteCount)
        try ram.readSection(&input)
        try input.readFooter(of: head.sectionID, hasFooters: configuration.hasFooters)
        input.isKeeping = true
        try ram.checkBlocks(input, at: place)
        try elements.addRAM(head, first..<input.keptByteCount, of: input, at: place)
    }

    /// Reads a section of a device, if its end is known from the description or the format.
    ///
    /// - Returns: Whether the end is known.
    private mutating func readDevice(_ head: SectionHead) throws(SnapError) -> Bool {
        let place = input.offset
        let first = input.keptByteCount
        let hasFooters = configuration.hasFooters
        if head.type == .full {
            guard let description, deviceCount < description.devices.count else { return false }
            let device = description.devices[deviceCount]
            guard device.owns(head), let byteCount = device.byteCount,
                try input.hasFooter(
                    of: head.sectionID, hasFooters: hasFooters, after: head.byteCount, byteCount)
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
        try input.readFooter(of: head.sectionID, hasFooters: hasFooters)
        try elements.addDevice(
            head, first..<input.keptByteCount, stateByteCount: stateByteCount, of: input,
            at: place)
        return true
    }
}
