import GuestMemory
import SnapSystem

/// Divides the kept bytes of a stream into elements after the complete stream has been read.
struct SectionSplitter: ~Copyable {
    private let configuration: StreamConfiguration
    private var input: StreamInput
    private let kept: SharedFile
    /// The offset of the first undivided byte among the kept bytes.
    private let start: Int
    private var elements: StreamElements
    private let deviceCount: Int
    /// The ranges of RAM sections whose pages are staged, which are not kept, and their total
    /// length in bytes.
    private var removed: [Range<Int>] = []
    private var removedByteCount = 0
    /// The number of bytes that the search for a division may still examine; negative if it has
    /// been exceeded.
    private var remainingWork = 0

    /// Creates a splitter.
    ///
    /// - Parameters:
    ///   - input: The kept bytes as a stream.
    ///   - kept: The kept bytes as a file, whose end is read first.
    ///   - configuration: The stream's configuration.
    ///   - start: The offset of the first undivided byte among the kept bytes.
    ///   - elements: The elements before that offset.
    ///   - deviceCount: The number of described devices among those elements.
    init(
        _ input: consuming StreamInput, kept: SharedFile, configuration: StreamConfiguration,
        from start: Int, after elements: StreamElements, deviceCount: Int
    ) {
        self.input = input
        self.kept = kept
        self.configuration = configuration
        self.start = start
        self.elements = elements
        self.deviceCount = deviceCount
    }

    /// Divides the bytes and reads the RAM sections among them.
    ///
    /// - Parameters:
    ///   - ram: The reader of the RAM sections.
    ///   - scratch: The directory in whose file system scratch files are created.
    /// - Returns: All elements; the file that contains exactly their bytes; and the number of
    ///   bytes after the stream's end, 0 if they are all zero.
    /// - Throws: `.inputDamaged`, `.unsupported`, `.inputOutput`, `.interrupted`.
    consuming func split(
        _ ram: inout RAMReader, scratch: Directory
    ) throws(SnapError) -> (elements: [StreamElement], bytes: SharedFile, strayByteCount: Int) {
        let byteCount = try kept.file.status().byteCount
        let (pieces, placed) = try findPieces(byteCount)
        try configuration.check(placed?.description.pageByteCount, input)
        var end = start
        for piece in pieces {
            try elements.checkCount(input)
            try add(piece, &ram)
            end = piece.range.upperBound
        }
        let isPadding = try isZero(from: end)
        if isPadding && end < byteCount {
            elements.addFraming(end - removedByteCount..<byteCount - removedByteCount)
            end = byteCount
        }
        let bytes =
            removed.isEmpty && end == byteCount ? kept : try keep(upTo: end, in: scratch)
        return (elements.list, bytes, byteCount - end)
    }

    /// Copies the bytes that belong to elements into a separate file.
    private mutating func keep(
        upTo end: Int, in scratch: Directory
    ) throws(SnapError) -> SharedFile {
        var bytes = try KeptBytes(in: scratch)
        var start = 0
        for hole in removed + [end..<end] {
            input.move(to: start)
            while input.offset < hole.lowerBound {
                let count = min(StreamInput.windowByteCount, hole.lowerBound - input.offset)
                try input.withBytes(count, "kept bytes") { (part) throws(SnapError) in
                    try bytes.append(part)
                }
            }
            start = hole.upperBound
        }
        return try bytes.finish()
    }

    // MARK: Finding the pieces

    /// Divides the bytes by the description at the end or, if that does not fit, by another one.
    ///
    /// A description at the end that does not fit may belong to other bytes that follow the stream.
    /// Then exactly one of the other descriptions must fit.
    private mutating func findPieces(
        _ byteCount: Int
    ) throws(SnapError) -> (pieces: [StreamPiece], placed: PlacedDescription?) {
        remainingWork = SplitSearch.work(for: byteCount)
        let last = try PlacedDescription.last(in: kept.file, from: start)
        // Page records cannot be read with the wrong page size.
        try configuration.check(last?.description.pageByteCount, input)
        var failure: SnapError?
        if let last {
            do throws(SnapError) { return (try pieces(last, byteCount), last) } catch {
                guard error.code == .inputDamaged, remainingWork >= 0 else { throw error }
                failure = error
            }
        }
        guard let all = try PlacedDescription.all(in: kept.file, from: start) else {
            throw input.damage(
                "stream contains more than \(StreamLimits.descriptionCountMax) possible "
                    + "descriptions, and does not end with one", at: start)
        }
        var found: [(pieces: [StreamPiece], placed: PlacedDescription)] = []
        for placed in all where placed.offset != last?.offset {
            do throws(SnapError) {
                let pieces = try pieces(placed, byteCount)
                try checkRAM(pieces, placed)
                found.append((pieces, placed))
            } catch {
                guard error.code == .inputDamaged, remainingWork >= 0 else { throw error }
                failure = failure ?? error
            }
        }
        if found.count == 1 { return (found[0].pieces, found[0].placed) }
        if found.count > 1 {
            throw input.damage(
                "stream contains \(found.count) descriptions that fit, expected one",
                at: found[0].placed.offset)
        }
        if let failure { throw failure }
        do throws(SnapError) { return (try pieces(nil, byteCount), nil) } catch {
            guard error.code == .inputDamaged, remainingWork >= 0 else { throw error }
            failure = error
        }
        do throws(SnapError) {
            return (try pieces(nil, byteCount, allowsStrayBytes: true), nil)
        } catch { throw failure ?? error }
    }

    /// Refuses RAM sections that were found only by a description that other bytes follow.
    ///
    /// If the stream itself has no description, a guest could have planted a complete stream in the
    /// state of a device.
    private func checkRAM(
        _ pieces: [StreamPiece], _ placed: PlacedDescription
    ) throws(SnapError) {
        let ram = pieces.first { piece in if case .ram = piece.kind { true } else { false } }
        guard let ram else { return }
        throw input.unsupported(
            "a section precedes the end of the RAM, and its length is known only from the "
                + "description at \(placed.offset), which other bytes follow",
            at: ram.range.lowerBound)
    }

    private mutating func pieces(
        _ placed: PlacedDescription?, _ byteCount: Int, allowsStrayBytes: Bool = false
    ) throws(SnapError) -> [StreamPiece] {
        let stepper = StreamStepper(
            input.copy(), byteCount: byteCount, configuration: configuration, by: placed,
            started: elements.started,
            allowsStrayBytes: allowsStrayBytes)
        var search = SplitSearch(stepper, start..<byteCount, work: remainingWork)
        defer { remainingWork = search.remainingWork }
        return try search.pieces(
            from: StreamStepper.State(
                offset: start, deviceCount: deviceCount, ramID: elements.ramID,
                hasRAMParts: elements.hasRAMParts, hasRAMEnd: elements.hasRAMEnd))
    }

    /// Whether all bytes from an offset on are zero.
    private mutating func isZero(from offset: Int) throws(SnapError) -> Bool {
        input.move(to: offset)
        while case let bytes = try input.peek(StreamInput.windowByteCount), !bytes.isEmpty {
            if bytes.contains(where: { $0 != 0 }) { return false }
            try input.skip(bytes.count)
        }
        return true
    }

    // MARK: Adding the pieces to the elements

    private mutating func add(
        _ piece: StreamPiece, _ ram: inout RAMReader
    ) throws(SnapError) {
        let place = piece.range.lowerBound
        let range = place - removedByteCount..<piece.range.upperBound - removedByteCount
        input.move(to: place)
        switch piece.kind {
        case .command: elements.addFraming(range)
        case .end: elements.addEnd(range)
        case .allDevices: elements.addAllDevices(range)
        case .ram(let type): try addRAM(piece, type: type, at: range, &ram)
        case .device(let type):
            let head = try head(of: type)
            let footer = configuration.hasFooters ? StreamFormat.footerByteCount : 0
            try elements.addDevice(
                head, range, stateByteCount: range.count - head.byteCount - footer, of: input,
                at: place)
        }
    }

    private mutating func head(of type: ElementType) throws(SnapError) -> SectionHead {
        type == .start || type == .full
            ? try SectionHead(peekingAt: &input)
            : try SectionHead(peekingAt: &input, continuing: elements.started)
    }

    private mutating func addRAM(
        _ piece: StreamPiece, type: ElementType, at range: Range<Int>, _ ram: inout RAMReader
    ) throws(SnapError) {
        let place = piece.range.lowerBound
        let head = try head(of: type)
        if type == .start { try ram.checkStart(head, input) }
        try input.skip(head.byteCount)
        try ram.readSection(&input)
        try input.readFooter(of: head.sectionID, hasFooters: configuration.hasFooters)
        try ram.checkBlocks(input, at: place)
        guard ram.isStaging else { return try elements.addRAM(head, range, of: input, at: place) }
        try elements.addRAM(
            head, range.lowerBound..<range.lowerBound, of: input, at: place)
        removed.append(piece.range)
        removedByteCount += range.count
    }
}
