import Codecs
import GuestMemory
import SnapSystem

/// Reads the RAM sections of a stream: the list of blocks, then page records in any order.
///
///     record ─ PAGE │ ZERO │ XBZRLE on the staged page │ COMPRESS_PAGE inflated ─ stage
///
/// If a page has several records, the last one wins. Without a stage, the reader checks everything
/// and stores nothing.
struct RAMReader: ~Copyable {
    private let configuration: StreamConfiguration
    let pageByteCount: Int
    var stage: MemoryStage?
    /// The blocks in the stream's order.
    private(set) var blocks: [RAMBlock] = []
    /// The index of each block by its name.
    private var indices: [String: Int] = [:]
    /// The indices of the blocks of which the stream has sent at least one page.
    private(set) var sentBlocks: Set<Int> = []
    /// The pages of each block that the stream has sent; empty if pages are not staged.
    private var sentPages: [SentPages] = []
    /// The block of the last record, which the next record need not name; nil before the first.
    private var current: Int?
    private var dataRecordCount = 0
    private var zeroRecordCount = 0
    private let inflater = PageInflater()
    /// The offset in its file at which a mapped-ram stream starts; nil before its first block.
    var mappedOrigin: Int?
    private var page: MemoryBuffer

    /// Creates a reader.
    ///
    /// - Parameters:
    ///   - configuration: The stream's configuration.
    ///   - stage: The stage that receives the pages; nil to store none.
    init(_ configuration: StreamConfiguration, _ stage: consuming MemoryStage?) {
        self.configuration = configuration
        pageByteCount = configuration.pageByteCount
        page = MemoryBuffer(byteCount: pageByteCount)
        self.stage = stage
    }

    /// Whether pages are staged.
    var isStaging: Bool { stage != nil }

    /// Finishes the stage.
    ///
    /// - Returns: The staged RAM blocks in the stream's order; empty without a stage.
    /// - Throws: `.inputOutput` or `.interrupted`.
    consuming func takeImages() throws(SnapError) -> [MemoryImage] {
        guard let stage else { return [] }
        return try stage.finish()
    }

    /// The pages of each block that have no record, as runs; empty if pages are not staged.
    var unsentRuns: [[Range<Int>]] { sentPages.map { $0.unsentRuns() } }

    /// Marks a page of a block as sent.
    private mutating func markSent(_ block: Int, at offset: Int) {
        sentBlocks.insert(block)
        if stage != nil { sentPages[block].insert(offset..<offset + pageByteCount) }
    }

    /// Marks all pages of a block as sent.
    mutating func markAllSent(_ block: Int) {
        sentBlocks.insert(block)
        if stage != nil { sentPages[block].insertAll() }
    }

    /// Whether pages that are not zero must have been sent through another channel.
    ///
    /// A stream of a single channel contains at least the pages of the ROMs.
    var lacksPages: Bool {
        let pageCount = blocks.reduce(0) { $0 + $1.byteCount / pageByteCount }
        return !configuration.isMapped && !configuration.ignoresShared && dataRecordCount == 0
            && zeroRecordCount < pageCount
    }

    /// Checks the header of the section that starts the RAM.
    ///
    /// - Parameters:
    ///   - head: The header.
    ///   - input: The stream, for error messages.
    /// - Throws: `.inputDamaged` or `.unsupported`.
    func checkStart(_ head: SectionHead, _ input: borrowing StreamInput) throws(SnapError) {
        guard head.type == .start else {
            throw input.damage("RAM starts with a full section, expected a start section")
        }
        guard head.versionID == StreamFormat.ramVersion else {
            throw input.unsupported(
                "RAM section version is \(head.versionID), expected \(StreamFormat.ramVersion)")
        }
        guard blocks.isEmpty else { throw input.damage("RAM starts twice") }
    }

    /// Checks that the RAM's first section has listed the blocks.
    ///
    /// - Parameters:
    ///   - input: The stream, for error messages.
    ///   - place: The section's offset in bytes.
    /// - Throws: `.inputDamaged`.
    func checkBlocks(_ input: borrowing StreamInput, at place: Int) throws(SnapError) {
        guard !blocks.isEmpty else {
            throw input.damage("RAM starts without a list of its blocks", at: place)
        }
    }

    /// Reads the records of a RAM section, through the one that ends the section.
    ///
    /// - Parameter input: The stream, after the section's header. It ends up before the footer.
    /// - Throws: `.inputDamaged`, `.unsupported`, `.inputOutput`, `.interrupted`.
    mutating func readSection(_ input: inout StreamInput) throws(SnapError) {
        let mask = UInt64(pageByteCount - 1)
        while true {
            let place = input.offset
            let word = try input.integer("page record", as: UInt64.self)
            let flags = PageFlags(rawValue: word & mask)
            if flags == .endOfSection { return }
            if flags == .memorySize {
                try readBlocks(&input, byteCount: word & ~mask)
            } else if flags.contains(.multifdFlush) {
                throw input.unsupported(
                    "is the main channel of a multifd migration, whose pages are in the other "
                        + "channels", at: place,
                    hint: "migrate to a file or a pipe with multifd off")
            } else {
                guard let offset = Int(exactly: word & ~mask) else {
                    throw input.damage("page offset \(word & ~mask) is too large", at: place)
                }
                try readRecord(&input, flags: flags, offset: offset, at: place)
            }
        }
    }

    // MARK: The list of blocks

    mutating func readBlocks(
        _ input: inout StreamInput, byteCount: UInt64
    ) throws(SnapError) {
        let place = input.offset - 8
        guard blocks.isEmpty else {
            throw input.damage("stream contains a second list of RAM blocks", at: place)
        }
        guard byteCount > 0, byteCount <= StreamLimits.memoryByteCountMax else {
            throw input.damage(
                "RAM has \(byteCount) bytes, expected 1 to \(StreamLimits.memoryByteCountMax)",
                at: place)
        }
        var left = Int(byteCount)
        while left > 0 {
            let block = try readBlock(&input, left: left)
            left -= block.byteCount
            indices[block.name] = blocks.count
            blocks.append(block)
            try stage?.add(block)
            if stage != nil { sentPages.append(SentPages(of: block)) }
            // QEMU allows neither capability together with postcopy. With one of them, an address
            // or a mapped-ram header follows, which could be mistaken for a page size.
            if !configuration.ignoresShared && !configuration.isMapped {
                try skipPageSize(&input)
            }
            if configuration.ignoresShared { _ = try input.integer("address", as: UInt64.self) }
            if configuration.isMapped { try readMapped(&input) }
        }
    }

    private func readBlock(
        _ input: inout StreamInput, left: Int
    ) throws(SnapError) -> RAMBlock {
        let place = input.offset
        let name = try input.name("RAM block name")
        guard blocks.count < StreamLimits.blockCountMax else {
            throw input.damage(
                "stream has more than \(StreamLimits.blockCountMax) RAM blocks", at: place)
        }
        guard indices[name] == nil else {
            throw input.damage("RAM block \(name) is listed twice", at: place)
        }
        let byteCount = try input.integer("RAM block length", as: UInt64.self)
        guard byteCount > 0, byteCount <= left, byteCount % UInt64(pageByteCount) == 0 else {
            throw input.damage(
                "RAM block \(name) has \(byteCount) bytes, expected a multiple of "
                    + "\(pageByteCount) up to \(left)", at: place)
        }
        guard byteCount % UInt64(Page.byteCount) == 0 else {
            throw input.unsupported(
                "RAM block \(name) has \(byteCount) bytes in pages of \(pageByteCount), expected "
                    + "a multiple of \(Page.byteCount)", at: place)
        }
        return RAMBlock(name: name, byteCount: Int(byteCount))
    }

    /// Skips the page size of a block, if the stream contains it.
    ///
    /// The stream contains it only if postcopy was on in the source, which a stream does not always
    /// state, and if the block has pages of another size than the host's: huge pages. Its value
    /// cannot be mistaken for a name or a record.
    private func skipPageSize(_ input: inout StreamInput) throws(SnapError) {
        let next = UInt64(bigEndianBytes: try input.peek(8))
        if next > 0, next < 1 << 40, next & (next - 1) == 0, next >= UInt64(pageByteCount) {
            _ = try input.integer("page size", as: UInt64.self)
        }
    }

    // MARK: Page records

    private mutating func readRecord(
        _ input: inout StreamInput, flags: PageFlags, offset: Int, at place: Int
    ) throws(SnapError) {
        let kind = flags.subtracting(.sameBlock)
        guard [.zero, .page, .xbzrle, .compressed].contains(kind) else {
            let bits = String(flags.rawValue, radix: 16)
            if kind == .hook {
                throw input.unsupported(
                    "page was sent by RDMA, expected its bytes in the stream", at: place)
            }
            throw input.damage("page record has invalid flags: 0x\(bits)", at: place)
        }
        if configuration.isMapped {
            throw input.damage("mapped-ram stream contains a page record", at: place)
        }
        let block = try readBlockOfRecord(&input, flags, at: place)
        guard offset <= blocks[block].byteCount - pageByteCount else {
            throw input.damage(
                "page at \(offset) is outside RAM block \(blocks[block].name), which has "
                    + "\(blocks[block].byteCount) bytes", at: place)
        }
        markSent(block, at: offset)
        let page = PagePlace(block: block, offset: offset)
        switch kind {
        case .zero: try readZero(&input, to: page)
        case .page: try readPage(&input, to: page)
        case .xbzrle: try readXBZRLE(&input, to: page)
        default: try readCompressed(&input, to: page)
        }
    }

    private mutating func readBlockOfRecord(
        _ input: inout StreamInput, _ flags: PageFlags, at place: Int
    ) throws(SnapError) -> Int {
        if flags.contains(.sameBlock) {
            guard let current else {
                throw input.damage("first page record does not name a RAM block", at: place)
            }
            return current
        }
        let name = try input.name("RAM block name")
        guard let block = indices[name] else {
            throw input.damage(
                "page record names RAM block \(name), which is not in the list", at: place)
        }
        current = block
        return block
    }

    private mutating func readZero(
        _ input: inout StreamInput, to place: PagePlace
    ) throws(SnapError) {
        let fill = try input.integer("fill byte", as: UInt8.self)
        zeroRecordCount += 1
        if fill == 0 {
            try stage?.clear(byteCount: pageByteCount, block: place.block, at: place.offset)
        } else {
            let bytes = [UInt8](repeating: fill, count: pageByteCount)
            try bytes.withBytes { (bytes) throws(SnapError) in
                try stage?.write(bytes, block: place.block, at: place.offset)
            }
        }
    }

    private mutating func readPage(
        _ input: inout StreamInput, to place: PagePlace
    ) throws(SnapError) {
        dataRecordCount += 1
        try input.withBytes(pageByteCount, "page") { (bytes) throws(SnapError) in
            try stage?.write(bytes, block: place.block, at: place.offset)
        }
    }

    private mutating func readXBZRLE(
        _ input: inout StreamInput, to place: PagePlace
    ) throws(SnapError) {
        dataRecordCount += 1
        let start = input.offset
        let mark = try input.integer("XBZRLE mark", as: UInt8.self)
        let length = Int(try input.integer("XBZRLE length", as: UInt16.self))
        guard mark == StreamFormat.xbzrleMark, length <= pageByteCount else {
            throw input.damage(
                "XBZRLE record has mark \(mark) and \(length) bytes, expected 1 and at most "
                    + "\(pageByteCount)", at: start)
        }
        let all = 0..<pageByteCount
        try page.withMutableBytes(all) { (page) throws(SnapError) in
            try stage?.read(into: &page, block: place.block, at: place.offset)
        }
        var isDecoded = false
        try input.withBytes(length, "XBZRLE runs") { runs in
            isDecoded = page.withMutableBytes(all) { Delta.apply(runs, to: &$0) }
        }
        guard isDecoded else { throw input.damage("XBZRLE runs do not fit a page", at: start) }
        try writePage(to: place)
    }

    private mutating func readCompressed(
        _ input: inout StreamInput, to place: PagePlace
    ) throws(SnapError) {
        dataRecordCount += 1
        let start = input.offset
        let length = try input.integer("length of a compressed page", as: UInt32.self)
        // The longest compressed page, as zlib's compressBound computes it.
        let bound = pageByteCount + pageByteCount >> 12 + pageByteCount >> 14 + 13
        guard length <= bound else {
            throw input.damage(
                "compressed page has \(length) bytes, expected at most \(bound)", at: start)
        }
        var isDecoded = false
        try input.withBytes(Int(length), "compressed page") { bytes in
            isDecoded = page.withMutableBytes(0..<pageByteCount) {
                inflater.inflate(bytes, into: &$0)
            }
        }
        guard isDecoded else {
            throw input.damage(
                "compressed page is not a zlib stream of \(pageByteCount) bytes", at: start)
        }
        try writePage(to: place)
    }

    private mutating func writePage(to place: PagePlace) throws(SnapError) {
        try page.withBytes(0..<pageByteCount) { (page) throws(SnapError) in
            try stage?.write(page, block: place.block, at: place.offset)
        }
    }
}
