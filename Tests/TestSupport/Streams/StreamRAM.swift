import CZlib

/// The kinds of records with which a page is written to a stream.
package enum PageRecord: CaseIterable, Sendable {
    case page
    case zero
    case compressed
    case xbzrle
}

extension GeneratedStream {
    /// The number of the RAM's sections in most streams.
    package static let ramID: UInt32 = 2

    /// Writes the RAM's first section, which lists the blocks.
    ///
    /// - Parameters:
    ///   - images: The blocks. Only a mapped stream takes their pages.
    ///   - sectionID: The section's number.
    package mutating func ramStart(
        _ images: [(name: String, image: GeneratedImage)], sectionID: UInt32 = ramID
    ) {
        begin(images)
        let start = bytes.count
        append([0x01] + Self.integer(sectionID) + Self.text("ram"))
        append(Self.integer(0 as UInt32) + Self.integer(4 as UInt32))
        let byteCount = images.reduce(0) { $0 + $1.image.pageCount * 4096 }
        append(Self.integer(UInt64(byteCount) | 0x004))
        for (name, image) in images {
            append(Self.text(name) + Self.integer(UInt64(image.pageCount * 4096)))
            if ignoresShared { append(Self.integer(0x1000 as UInt64)) }
            if isMapped { appendMapped(image) }
        }
        append(Self.integer(0x010 as UInt64) + footer(sectionID))
        note(
            Element(
                kind: .ramStart, name: "ram", versionID: 4, sectionID: sectionID,
                range: start..<bytes.count))
    }

    /// Writes a later section of the RAM.
    ///
    /// - Parameters:
    ///   - isLast: Whether the section's type marks it as the last one.
    ///   - sectionID: The section's number.
    ///   - records: Writes the section's records.
    package mutating func ramSection(
        isLast: Bool, sectionID: UInt32 = ramID,
        _ records: (inout GeneratedStream) -> Void = { _ in }
    ) {
        let start = bytes.count
        append([isLast ? 0x03 : 0x02] + Self.integer(sectionID))
        records(&self)
        append(Self.integer(0x010 as UInt64) + footer(sectionID))
        note(
            Element(
                kind: isLast ? .ramEnd : .ramPart, sectionID: sectionID,
                range: start..<bytes.count))
    }

    // MARK: Page records

    /// Reads the current content of a page.
    ///
    /// - Parameters:
    ///   - block: The block's name.
    ///   - page: The page's number, in pages of the target.
    /// - Returns: The page's bytes, as many as a page of the target has.
    package func content(_ block: String, _ page: Int) -> [UInt8] {
        let count = pageByteCount / 4096
        return (page * count..<(page + 1) * count).flatMap {
            ram[block]?.pages[$0] ?? [UInt8](repeating: 0, count: 4096)
        }
    }

    /// Writes a record of a page.
    ///
    /// - Parameters:
    ///   - kind: The record's kind. A page that XBZRLE cannot encode is written uncompressed.
    ///   - block: The block's name.
    ///   - page: The page's number, in pages of the target.
    ///   - new: The page's new content. A zero record fills the page with the first byte.
    ///   - isNamed: Whether the record names its block even if the previous record has the same.
    package mutating func record(
        _ kind: PageRecord, _ block: String, _ page: Int, _ new: [UInt8], isNamed: Bool = false
    ) {
        var flags: UInt64
        var body: [UInt8]
        var new = new
        switch kind {
        case .page: (flags, body) = (0x008, new)
        case .zero:
            (flags, body) = (0x002, [new[0]])
            new = [UInt8](repeating: new[0], count: pageByteCount)
        case .compressed:
            let deflated = Self.deflated(new)
            (flags, body) = (0x100, Self.integer(UInt32(deflated.count)) + deflated)
        case .xbzrle:
            guard let runs = Self.runs(from: content(block, page), to: new) else {
                return record(.page, block, page, new, isNamed: isNamed)
            }
            (flags, body) = (0x040, [0x01] + Self.integer(UInt16(runs.count)) + runs)
        }
        let isSame = !isNamed && current == block
        if isSame { flags |= 0x020 }
        append(Self.integer(UInt64(page * pageByteCount) | flags))
        if !isSame { append(Self.text(block)) }
        if kind == .page { payloads.append(bytes.count..<bytes.count + body.count) }
        append(body)
        current = block
        set(block, page, new)
    }

    private mutating func set(_ block: String, _ page: Int, _ new: [UInt8]) {
        let count = pageByteCount / 4096
        for part in 0..<count {
            let bytes = Array(new[part * 4096..<(part + 1) * 4096])
            let isZero = bytes.allSatisfy { $0 == 0 }
            ram[block]?.pages[page * count + part] = isZero ? nil : bytes
        }
    }

    /// Compresses bytes into a complete zlib stream.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - level: The compression level, 0 to 9.
    /// - Returns: The zlib stream.
    package static func deflated(_ bytes: [UInt8], level: Int32 = 1) -> [UInt8] {
        var count = compressBound(UInt(bytes.count))
        var deflated = [UInt8](repeating: 0, count: Int(count))
        precondition(compress2(&deflated, &count, bytes, UInt(bytes.count), level) == Z_OK)
        return Array(deflated.prefix(Int(count)))
    }

    /// Encodes the differences between two pages as XBZRLE runs of words, as QEMU does.
    ///
    /// - Parameters:
    ///   - old: The page that the decoder has.
    ///   - new: The page to encode.
    /// - Returns: The runs; nil if the pages are equal, or if a run or all runs are too long.
    package static func runs(from old: [UInt8], to new: [UInt8]) -> [UInt8]? {
        var runs: [UInt8] = []
        var end = 0
        var word = 0
        while word < new.count {
            guard old[word..<word + 8] != new[word..<word + 8] else {
                word += 8
                continue
            }
            let first = word
            while word < new.count, old[word..<word + 8] != new[word..<word + 8] { word += 8 }
            guard first - end < 0x4000, word - first < 0x4000 else { return nil }
            runs += leb(first - end) + leb(word - first) + new[first..<word]
            end = word
        }
        return runs.isEmpty || runs.count >= new.count ? nil : runs
    }

    private static func leb(_ length: Int) -> [UInt8] {
        length < 0x80 ? [UInt8(length)] : [UInt8(length & 0x7f | 0x80), UInt8(length >> 7)]
    }

    // MARK: Mapped RAM

    /// Writes a block's pages at their fixed places, and junk at the places of zero pages.
    private mutating func appendMapped(_ image: GeneratedImage) {
        let pagesPerBit = pageByteCount / 4096
        let pageCount = image.pageCount / pagesPerBit
        var bitmap = [UInt8](repeating: 0, count: (pageCount + 63) / 64 * 8)
        for page in image.pages.keys {
            bitmap[page / pagesPerBit / 8] |= 1 << UInt8(page / pagesPerBit % 8)
        }
        let bitmapOffset = bytes.count + 28
        // QEMU leaves a gap of up to 1 MiB; some gap is enough here.
        let pagesOffset = (bitmapOffset + bitmap.count + 63) / 64 * 64
        append(Self.integer(1 as UInt32) + Self.integer(UInt64(pageByteCount)))
        for offset in [bitmapOffset, pagesOffset] {
            append(Self.integer(UInt64(configuration.fileOffset + offset)))
        }
        append(bitmap)
        append([UInt8](repeating: 0xee, count: pagesOffset - bytes.count))
        payloads.append(bytes.count..<bytes.count + image.pageCount * 4096)
        for page in 0..<image.pageCount {
            let bit = page / pagesPerBit
            let isPresent = bitmap[bit / 8] >> UInt8(bit % 8) & 1 == 1
            // If the page is zero now, its place still contains the page of an earlier pass.
            let junk = [UInt8](repeating: isPresent ? 0 : 0xdd, count: 4096)
            append(image.pages[page] ?? junk)
        }
    }
}
