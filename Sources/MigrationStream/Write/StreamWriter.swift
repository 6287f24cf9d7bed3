package import GuestMemory
package import SnapSystem
package import SystemPackage

/// Encodes a checkpoint as a QEMU migration stream that any QEMU since 2.4 can load.
///
///     header ─ configuration ─ RAM start: list of blocks ─ page records ─ RAM end ─ devices ─ end
///
/// The writer provides only the bytes that the checkpoint does not keep verbatim. It encodes pages
/// as PAGE and ZERO records. It removes the capabilities mapped-ram and x-ignore-shared, which
/// state that pages are stored elsewhere.
package struct StreamWriter: Sendable {
    private let configuration: StreamConfiguration

    /// Creates a writer from the kept start and end of a saved stream.
    ///
    /// - Parameters:
    ///   - framing: The kept header and configuration, and the framing bytes after them, if any.
    ///   - end: The kept end mark and description; the first `endByteCountMax` bytes suffice.
    ///   - path: The file that keeps them, for error messages.
    /// - Throws: `.inputDamaged` or `.unsupported` if `framing` is not the start of a stream that
    ///   snap can read.
    package init(framing: [UInt8], end: [UInt8], path: FilePath) throws(SnapError) {
        var input = StreamInput(bytes: framing, of: path)
        var configuration = try StreamConfiguration(&input)
        rest = Array(framing.dropFirst(input.offset))
        let size = PlacedDescription.last(in: end, at: 0)?.description.pageByteCount
        try configuration.take(size, input)
        self.configuration = configuration
    }

    /// The number of bytes of the end that are enough to find the description.
    package static let endByteCountMax = PlacedDescription.byteCountMax + 1 << 16

    /// The framing bytes after the configuration.
    private let rest: [UInt8]

    /// The header and configuration, and the framing bytes after them, without live commands.
    package var head: [UInt8] { configuration.plainBytes + Self.withoutLiveCommands(rest) }

    /// Removes the leading commands that only a live migration can serve.
    ///
    /// QEMU refuses to load a file with a command that needs an answering source. Postcopy advice
    /// announces data that the stream does not contain.
    ///
    /// - Parameter framing: The kept bytes between two sections.
    /// - Returns: The same bytes without those commands.
    package static func withoutLiveCommands(_ framing: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = framing[...]
        while rest.count >= 5, rest.first == ElementType.command.rawValue {
            let bytes = Array(rest.prefix(5))
            let length = 5 + Int(UInt16(bigEndianBytes: bytes[3...]))
            let isLive = StreamFormat.liveCommands.contains(UInt16(bigEndianBytes: bytes[1..<3]))
            if !isLive { result += rest.prefix(length) }
            rest = rest.dropFirst(length)
        }
        return result + rest
    }

    /// Encodes the section that starts the RAM: the list of RAM blocks.
    ///
    /// - Parameters:
    ///   - sectionID: The section's number.
    ///   - blocks: The blocks, in the stream's order.
    /// - Returns: The complete section.
    package func ramStart(_ sectionID: UInt32, _ blocks: [RAMBlock]) -> [UInt8] {
        var bytes = [ElementType.start.rawValue] + sectionID.bigEndianBytes
        bytes += Self.text(StreamFormat.ramName) + (0 as UInt32).bigEndianBytes
        bytes += StreamFormat.ramVersion.bigEndianBytes
        let byteCount = blocks.reduce(0) { $0 + UInt64($1.byteCount) }
        bytes += (byteCount | PageFlags.memorySize.rawValue).bigEndianBytes
        for block in blocks {
            bytes += Self.text(block.name) + UInt64(block.byteCount).bigEndianBytes
        }
        return bytes + sectionEnd(sectionID)
    }

    /// Encodes the header of a section of page records.
    ///
    /// - Parameter sectionID: The section's number.
    /// - Returns: The bytes before the section's page records.
    package func partHead(_ sectionID: UInt32) -> [UInt8] {
        [ElementType.part.rawValue] + sectionID.bigEndianBytes
    }

    /// Encodes the section that ends the RAM, which has no page records.
    ///
    /// - Parameter sectionID: The section's number.
    /// - Returns: The complete section.
    package func ramEnd(_ sectionID: UInt32) -> [UInt8] {
        [ElementType.sectionEnd.rawValue] + sectionID.bigEndianBytes + sectionEnd(sectionID)
    }

    /// Encodes the end of a section of page records.
    ///
    /// - Parameter sectionID: The section's number.
    /// - Returns: The bytes after the section's page records, including the footer if the stream
    ///   has footers.
    package func sectionEnd(_ sectionID: UInt32) -> [UInt8] {
        var bytes = PageFlags.endOfSection.rawValue.bigEndianBytes
        if configuration.hasFooters {
            bytes += [ElementType.footer.rawValue] + sectionID.bigEndianBytes
        }
        return bytes
    }

    /// Decodes the list of RAM blocks in a kept section.
    ///
    /// - Parameters:
    ///   - section: The section that starts the RAM, including its header.
    ///   - path: The file that keeps it, for error messages.
    /// - Returns: The blocks, in the stream's order.
    /// - Throws: `.inputDamaged` or `.unsupported` if the section cannot be read.
    package func blocks(
        listedIn section: [UInt8], path: FilePath
    ) throws(SnapError) -> [RAMBlock] {
        var input = StreamInput(bytes: section, of: path)
        try input.skip(SectionHead(peekingAt: &input).byteCount)
        var reader = RAMReader(configuration, nil)
        try reader.readSection(&input)
        return reader.blocks
    }

    /// Encodes a run of pages as page records.
    ///
    /// Zero pages get records too, because the destination's ROMs or memory file may contain other
    /// bytes.
    ///
    /// - Parameters:
    ///   - block: The RAM block.
    ///   - offset: The run's offset in the block, in bytes.
    ///   - pageCount: The length of the run in pages of 4096 bytes.
    ///   - stored: The pages of the run that are not zero.
    ///   - unsent: The pages of the run that the source did not send. They get no records.
    ///   - buffer: The bytes of the run, from the buffer's start. Only the bytes of `stored` pages
    ///     are used.
    /// - Returns: The records; empty if the source sent none of the pages.
    package func pageRecords(
        _ block: RAMBlock, at offset: Int, pageCount: Int, _ stored: PageSet, unsent: PageSet,
        in buffer: borrowing MemoryBuffer
    ) -> [UInt8] {
        let size = configuration.pageByteCount
        let name = Self.text(block.name)
        var records: [UInt8] = []
        records.reserveCapacity(
            stored.count * Page.byteCount + pageCount * 9 * max(1, Page.byteCount / size)
                + name.count)
        var isNamed = false
        for first in stride(from: 0, to: pageCount * Page.byteCount, by: size) {
            let last = min(first + size, pageCount * Page.byteCount) - 1
            let pages = first / Page.byteCount...last / Page.byteCount
            if pages.allSatisfy({ unsent.contains($0) }) { continue }
            let isZero = !pages.contains { stored.contains($0) }
            var flags: PageFlags = isZero ? .zero : .page
            if isNamed { flags.insert(.sameBlock) }
            records += (UInt64(offset + first) | flags.rawValue).bigEndianBytes
            // The first record of each run names the block, so that runs can be encoded
            // independently of each other.
            if !isNamed { records += name }
            isNamed = true
            if isZero {
                records.append(0)
                continue
            }
            for page in pages {
                let bytes = Page.bytes(page).clamped(to: first..<first + size)
                if stored.contains(page) {
                    buffer.withBytes(bytes) { records.append(copying: $0) }
                } else {
                    records += [UInt8](repeating: 0, count: bytes.count)
                }
            }
        }
        return records
    }

    private static func text(_ text: String) -> [UInt8] {
        [UInt8(text.utf8.count)] + Array(text.utf8)
    }
}
