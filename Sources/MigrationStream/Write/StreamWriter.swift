package import GuestMemory
package import SnapSystem
package import SystemPackage

/// Says a checkpoint as a QEMU migration stream that any QEMU since 2.4 loads.
///
///     header ─ configuration ─ RAM start: list of blocks ─ page records ─ RAM end ─ devices ─ end
///
/// It gives the bytes that are not kept as they were: pages come as PAGE and ZERO records, and the
/// capabilities mapped-ram and x-ignore-shared, which say that pages are elsewhere, are gone.
package struct StreamWriter: Sendable {
    private let configuration: StreamConfiguration

    /// Begins with the bytes that a stream began with.
    ///
    /// - Parameters:
    ///   - framing: The kept header and configuration, and what may follow.
    ///   - end: The beginning of the kept end mark and description.
    ///   - path: Where they were kept, for messages.
    /// - Throws: `.inputDamaged` or `.unsupported` if they are none.
    package init(framing: [UInt8], end: [UInt8], path: FilePath) throws(SnapError) {
        var input = StreamInput(bytes: framing, of: path)
        var configuration = try StreamConfiguration(&input)
        rest = Array(framing.dropFirst(input.offset))
        let size = PlacedDescription.last(in: end, at: 0)?.description.pageByteCount
        try configuration.take(size, input)
        self.configuration = configuration
    }

    /// How many bytes of the end are enough to find the description.
    package static let endByteCountMax = PlacedDescription.byteCountMax + 1 << 16

    /// What followed the configuration in the framing.
    private let rest: [UInt8]

    /// Header and configuration, and what followed them.
    package var head: [UInt8] { configuration.plainBytes + Self.withoutLiveCommands(rest) }

    /// Framing without the commands at its beginning that expect a source which answers.
    ///
    /// A stream in a file has none, and QEMU refuses it. Nor does the stream have what advice of
    /// postcopy announces.
    ///
    /// - Parameter framing: Kept bytes between sections.
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

    /// The section that begins the RAM: the list of its blocks.
    ///
    /// - Parameters:
    ///   - sectionID: The section's number.
    ///   - blocks: The blocks, in the stream's order.
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

    /// What comes before the page records of a section.
    ///
    /// - Parameter sectionID: The section's number.
    package func partHead(_ sectionID: UInt32) -> [UInt8] {
        [ElementType.part.rawValue] + sectionID.bigEndianBytes
    }

    /// The section that ends the RAM.
    ///
    /// - Parameter sectionID: The section's number.
    package func ramEnd(_ sectionID: UInt32) -> [UInt8] {
        [ElementType.sectionEnd.rawValue] + sectionID.bigEndianBytes + sectionEnd(sectionID)
    }

    /// What comes after the page records of a section.
    ///
    /// - Parameter sectionID: The section's number.
    package func sectionEnd(_ sectionID: UInt32) -> [UInt8] {
        var bytes = PageFlags.endOfSection.rawValue.bigEndianBytes
        if configuration.hasFooters {
            bytes += [ElementType.footer.rawValue] + sectionID.bigEndianBytes
        }
        return bytes
    }

    /// The blocks that a kept RAM section lists.
    ///
    /// - Parameters:
    ///   - section: The section that begins the RAM.
    ///   - path: Where it was kept, for messages.
    /// - Throws: `.inputDamaged` or `.unsupported` if it is none.
    package func blocks(
        listedIn section: [UInt8], path: FilePath
    ) throws(SnapError) -> [RAMBlock] {
        var input = StreamInput(bytes: section, of: path)
        try input.skip(SectionHead(peekingAt: &input).byteCount)
        var reader = RAMReader(configuration, nil)
        try reader.readSection(&input)
        return reader.blocks
    }

    /// The page records of a run of pages.
    ///
    /// Zero pages are said, too: the destination's ROMs and a memory file may hold something else.
    ///
    /// - Parameters:
    ///   - block: The RAM block.
    ///   - offset: Where in the block the run begins, in bytes.
    ///   - pageCount: How many pages of 4096 bytes it has.
    ///   - stored: Those of them that are not zero.
    ///   - unsent: Those of them that the source did not send, and that are left out.
    ///   - buffer: Their bytes, from its start; what it holds of others means nothing.
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
            // The first record of each run names its block, so that runs are made independently.
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
