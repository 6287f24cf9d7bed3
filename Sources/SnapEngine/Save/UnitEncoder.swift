import GuestMemory
import SavevmFormat
import SnapSystem

/// A unit of memory as it goes into a savevm file.
struct EncodedUnit: Sendable {
    /// What the unit's pages have become.
    enum Content: Sendable {
        /// Its table is stored already, or all its pages are zero.
        case stored(Location)
        /// A new table; of its entries those in `places` get locations in the group, slot by
        /// slot, once it is known which number the group has.
        case changed(entries: [Location], group: EncodedGroup?, places: [Int])
    }

    let content: Content
    let counts: PageCounts
}

/// Turns units of a memory image into groups, comparing them with the parent's pages.
///
/// A worker owns one.
struct UnitEncoder: ~Copyable {
    private let digestKey: DigestKey
    private let table: PageTable
    private let encoder: GroupEncoder
    private let evicted: Set<Int>
    private var parentTables: PageTableReader?
    private var parentPages: PageReader?
    /// The unit's bytes; pages that are stored move together at the front as they are found.
    private var buffer = MemoryBuffer(byteCount: Unit.byteCount)

    /// What has been found of a unit so far.
    private struct Progress {
        var entries: [Location]
        var counts = PageCounts()
        var records: [Record] = []
        var places: [Int] = []
    }

    /// - Parameters:
    ///   - level: The compression level.
    ///   - digestKey: The key of the digests.
    ///   - table: The shape of the block's page table.
    ///   - parent: The parent's block, and the parent.
    /// - Throws: `.internalFailure` if the codec cannot be set up.
    init(
        level: Int, _ digestKey: DigestKey, _ table: PageTable,
        parent: (block: StoredBlock, checkpoint: SaveParent)?
    ) throws(SnapError) {
        encoder = try GroupEncoder(level: level)
        self.digestKey = digestKey
        self.table = table
        evicted = parent?.checkpoint.evicted ?? []
        if let parent {
            parentTables = PageTableReader(parent.block, parent.checkpoint.files)
            parentPages = PageReader(parent.checkpoint.files)
        } else {
            parentTables = nil
            parentPages = nil
        }
    }

    /// Encodes a unit.
    ///
    /// - Parameters:
    ///   - unit: The unit.
    ///   - image: The image it is of.
    /// - Throws: `.inputDamaged` if the image has shrunk, `.damaged` for the parent's files,
    ///   `.inputOutput`.
    mutating func encode(
        _ unit: ImageUnit, of image: borrowing MemoryImage
    ) throws(SnapError) -> EncodedUnit {
        let theirs = try parentTables?.locations(level: 0, inTable: unit.index) ?? []
        var progress = Progress(entries: [Location](repeating: .zero, count: unit.pageCount))
        progress.counts.zero = unit.pageCount
        progress.counts.becameZero = theirs.count { $0 != .zero }
        if !unit.dataRuns.isEmpty {
            for run in unit.dataRuns {
                let range =
                    run.lowerBound - unit.bytes.lowerBound..<run.upperBound - unit.bytes.lowerBound
                try buffer.withMutableBytes(range) { (bytes) throws(SnapError) in
                    try image.read(into: &bytes, at: run.lowerBound)
                }
            }
            try classify(unit, theirs, &progress)
        }
        return EncodedUnit(
            content: try content(unit, theirs, progress), counts: progress.counts)
    }

    /// Sorts the pages that hold data into zero, unchanged and stored.
    private mutating func classify(
        _ unit: ImageUnit, _ theirs: [Location], _ progress: inout Progress
    ) throws(SnapError) {
        let known =
            theirs.isEmpty
            ? [] : try parentPages?.knownPages(at: theirs, level: 0, key: digestKey) ?? []
        for run in unit.dataRuns {
            let first = (run.lowerBound - unit.bytes.lowerBound) / Page.byteCount
            for page in first..<first + run.count / Page.byteCount {
                let bytes = page * Page.byteCount..<(page + 1) * Page.byteCount
                let digest = buffer.withBytes(bytes) { page in
                    Page.isZero(page) ? nil : digestKey.digest(of: page)
                }
                guard let digest else { continue }
                progress.counts.zero -= 1
                let their = theirs.isEmpty ? .zero : theirs[page]
                if their != .zero {
                    progress.counts.becameZero -= 1
                    if try isUnchanged(bytes, digest, their, known[page]) {
                        progress.counts.unchanged += 1
                        if isKept(their, known[page]) {
                            progress.entries[page] = their
                            continue
                        }
                        progress.counts.moved += 1
                    } else {
                        progress.counts.literal += 1
                    }
                } else {
                    progress.counts.literal += 1
                }
                let slot = progress.records.count
                if slot != page { buffer.move(bytes, to: slot * Page.byteCount) }
                progress.records.append(.literal(digest))
                progress.places.append(page)
            }
        }
    }

    /// Whether a page is the parent's: by digest, or by its bytes where the parent's digest has
    /// another key.
    private mutating func isUnchanged(
        _ bytes: Range<Int>, _ digest: Hash128, _ their: Location, _ known: KnownPage
    ) throws(SnapError) -> Bool {
        if let theirDigest = known.digest { return theirDigest == digest }
        guard let page = try parentPages?.page(at: their, level: 0) else { return false }
        return page.withBytes { page in
            buffer.withBytes(bytes) { $0.isEqual(to: page) }
        }
    }

    /// Whether a page may go on lying where it is.
    private func isKept(_ location: Location, _ known: KnownPage) -> Bool {
        !evicted.contains(location.number)
            && known.base.map { !evicted.contains($0.number) } ?? true
    }

    private mutating func content(
        _ unit: ImageUnit, _ theirs: [Location], _ progress: Progress
    ) throws(SnapError) -> EncodedUnit.Content {
        if !progress.records.isEmpty {
            let bytes = 0..<progress.records.count * Page.byteCount
            let group = try buffer.withBytes(bytes) { (bytes) throws(SnapError) in
                try encoder.encode(level: 0, progress.records, bytes)
            }
            return .changed(
                entries: progress.entries, group: group, places: progress.places)
        }
        if progress.entries.allSatisfy({ $0 == .zero }) { return .stored(.zero) }
        if theirs.starts(with: progress.entries) {
            let level = min(1, table.depth)
            let location = try parentTables?.location(level: level, index: unit.index) ?? .zero
            let isLost = try parentTables?.isStored(in: evicted, location, level: level) ?? true
            if !isLost { return .stored(location) }
        }
        return .changed(entries: progress.entries, group: nil, places: [])
    }
}
