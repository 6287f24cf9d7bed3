import Codecs
import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization
import WorkPipeline

/// Compares the units of RAM blocks with the parent's pages and encodes the changed pages.
///
/// Each worker has its own encoder.
struct UnitEncoder: ~Copyable {
    private let blocks: [PairedBlock]
    private let parentFiles: SavevmFiles?
    /// The parent's damaged parts that are known.
    private let damaged: StoredParts
    /// The parts from which no pages are shared.
    private let unshared: StoredParts
    private let examinesAll: Bool
    private let digestKey: DigestKey
    private let comparesBytes: Bool
    private let encoder: GroupEncoder
    /// The parent's tables of the block whose units are being encoded.
    private var parentTables: PageTableWalker?
    private var blockIndex = -1
    private var parentPages: PageReader?
    /// The unit's bytes; the encodings of stored pages later replace them from the front.
    private var buffer = MemoryBuffer(byteCount: Unit.byteCount)
    /// The page to compare with: the parent's page, an original, or a base.
    private var other = MemoryBuffer(byteCount: Page.byteCount)

    /// Creates an encoder.
    ///
    /// - Parameters:
    ///   - blocks: The RAM blocks to save, each with the parent's block.
    ///   - parent: The parent; nil for a full checkpoint.
    ///   - key: The key of the new checkpoint's digests.
    ///   - options: The options for comparing and storing pages.
    /// - Throws: `.internalFailure` if the codec cannot be set up.
    init(
        of blocks: [PairedBlock], comparedWith parent: ParentCheckpoint?, key: DigestKey,
        options: Save.PageOptions
    ) throws(SnapError) {
        encoder = try GroupEncoder(options.compression)
        self.blocks = blocks
        parentFiles = parent?.files
        damaged = parent?.damaged ?? StoredParts()
        unshared = parent?.unshared ?? StoredParts()
        examinesAll = parent?.examinesAll ?? false
        digestKey = key
        comparesBytes = options.comparesBytes
        parentTables = nil
        parentPages = parentFiles.map { PageReader($0) }
    }

    /// Reads, classifies and encodes a unit.
    ///
    /// - Parameters:
    ///   - unit: The unit and the pages to read.
    ///   - turn: The unit's place in the order of all units.
    ///   - finder: The pages stored so far; used only in the unit's turn.
    /// - Returns: The unit's table and its group.
    /// - Throws: `.inputDamaged` if the image has shrunk; `.damaged` for the parent's files;
    ///   `.unsupported`, `.permission` or `.inputOutput`.
    mutating func encode(
        _ unit: ImageUnit, in turn: Turn, with finder: borrowing Mutex<DuplicateFinder>
    ) throws(SnapError) -> EncodedUnit {
        if unit.blockIndex != blockIndex {
            blockIndex = unit.blockIndex
            parentTables = nil
            if let parentFiles, let block = blocks[blockIndex].parentBlock {
                parentTables = PageTableWalker(block, parentFiles)
            }
        }
        let parent = try parentUnit(of: unit)
        let unit = unit.reading(lostBy: parent)
        var draft = UnitDraft(unit, parent)
        try read(unit)
        try classify(&draft)
        try turn.take { () throws(SnapError) in
            try finder.withLock { finder throws(SnapError) in
                try findDuplicates(in: &draft, &finder)
            }
        }
        let content = try content(of: &draft)
        return EncodedUnit(of: unit, content, draft.tally)
    }

    private mutating func read(_ unit: ImageUnit) throws(SnapError) {
        for run in unit.pages { try read(unit, only: run) }
    }

    private mutating func read(_ unit: ImageUnit, only run: Range<Int>) throws(SnapError) {
        let image = blocks[unit.blockIndex].image
        let bytes = run.lowerBound * Page.byteCount..<run.upperBound * Page.byteCount
        try buffer.withMutableBytes(bytes) { (bytes) throws(SnapError) in
            try image.read(into: &bytes, at: unit.offset(ofPage: run.lowerBound))
        }
    }

    // MARK: Comparing with the parent

    /// Finds the parent's pages of a unit, and those of them that are damaged.
    private mutating func parentUnit(of unit: ImageUnit) throws(SnapError) -> ParentUnit {
        let locations: [Location]
        do throws(SnapError) {
            locations = try parentTables?.locations(level: 0, inTable: unit.index) ?? []
        } catch {
            guard error.isDamage else { throw error }
            return ParentUnit(isTableDamaged: true)
        }
        guard parentPages != nil, !locations.isEmpty else { return ParentUnit() }
        var compared = comparedPages(of: unit, among: locations)
        if damaged.isEmpty {
            do throws(SnapError) {
                let metadata =
                    try parentPages?.metadata(at: compared, level: 0, key: digestKey) ?? []
                return ParentUnit(locations: locations, metadata: metadata)
            } catch {
                guard error.isDamage else { throw error }
                // Clean pages can be in the damaged group too.
                if unit.rest == .parents { compared = locations }
            }
        }
        let metadata =
            try parentPages?.readableMetadata(at: compared, level: 0, key: digestKey) ?? []
        var lost = PageSet()
        for (page, known) in metadata.enumerated() where compared[page] != .zero {
            let isReadable = known.map {
                !damaged.contains(compared[page]) && !damaged.contains($0.base ?? .zero)
            }
            if !(isReadable ?? false) { lost.insert(page) }
        }
        return ParentUnit(
            locations: locations, metadata: metadata.map { $0 ?? PageMetadata() }, damaged: lost)
    }

    /// Returns the locations of the parent's pages that are compared or may have to be stored
    /// again, and the zero page for the others.
    private func comparedPages(of unit: ImageUnit, among all: [Location]) -> [Location] {
        if unit.rest == .parents && examinesAll { return all }
        var compared = [Location](repeating: .zero, count: all.count)
        for page in unit.pages.joined() { compared[page] = all[page] }
        return compared
    }

    /// Classifies the pages that were read as zero, unchanged, or to be stored.
    private mutating func classify(_ draft: inout UnitDraft) throws(SnapError) {
        let known = draft.parent.metadata
        for page in draft.unit.pages.joined() {
            let digest = buffer.withBytes(Page.bytes(page)) { page in
                Page.isZero(page) ? nil : digestKey.digest(of: page)
            }
            guard let digest else { continue }
            draft.recordData(page)
            let location = draft.parentLocation(of: page)
            var isMoved = false
            let isDamaged = draft.parent.isDamaged(page)
            if location != .zero, try isUnchanged(page, digest, at: location, known: known[page]) {
                draft.tally.counts.unchanged += 1
                if !isDamaged && isKept(location, known[page]) {
                    draft.entries[page] = location
                    continue
                }
                draft.tally.counts.moved += 1
                isMoved = true
            }
            if isDamaged { draft.tally.replacedDamaged += 1 }
            draft.pages.append(
                UnitDraft.Page(
                    page: page, digest: digest,
                    base: known.isEmpty || isDamaged && known[page].base == nil
                        ? nil : base(location, known[page]), isMoved: isMoved))
        }
        if draft.unit.rest == .parents && !unshared.isEmpty { try moveClean(&draft, known) }
    }

    /// Whether a page is equal to the parent's.
    ///
    /// Compares the digests. Compares the bytes if `comparesBytes` is set, or if the parent's
    /// digest has another key. A page that cannot be read is not equal.
    private mutating func isUnchanged(
        _ page: Int, _ digest: Hash128, at location: Location, known: PageMetadata
    ) throws(SnapError) -> Bool {
        if let parentDigest = known.digest {
            if parentDigest != digest { return false }
            if !comparesBytes { return true }
        }
        do throws(SnapError) {
            try parentPages?.read([PageRequest(location, targetPage: 0)], level: 0, into: &other)
        } catch {
            guard error.isDamage else { throw error }
            return false
        }
        return isEqualToOther(page)
    }

    /// Whether a page in the buffer has the same bytes as `other`.
    private func isEqualToOther(_ page: Int) -> Bool {
        buffer.withBytes(Page.bytes(page)) { page in
            other.withBytes(Page.bytes(0)) { page.isEqual(to: $0) }
        }
    }

    /// Whether a page can stay at its location, because neither it nor its base is unshared.
    private func isKept(_ location: Location, _ known: PageMetadata) -> Bool {
        !unshared.contains(location) && !unshared.contains(known.base ?? .zero)
    }

    /// Returns the parent's page or, if that is a delta, its base; nil if this is zero or unshared.
    private func base(_ location: Location, _ known: PageMetadata) -> Location? {
        let base = known.base ?? location
        return base == .zero || unshared.contains(base) ? nil : base
    }

    /// Moves clean pages out of evicted files.
    ///
    /// Reads their bytes from the parent, regardless of the image's content, unless the parent's
    /// page turns out to be damaged.
    private mutating func moveClean(
        _ draft: inout UnitDraft, _ known: [PageMetadata]
    ) throws(SnapError) {
        var compared = PageSet()
        for page in draft.unit.pages.joined() { compared.insert(page) }
        for (page, location) in draft.parent.locations.enumerated()
        where location != .zero && !compared.contains(page) && !isKept(location, known[page]) {
            do throws(SnapError) {
                try parentPages?.read(
                    [PageRequest(location, targetPage: page)], level: 0, into: &buffer)
            } catch {
                guard error.isDamage else { throw error }
                try read(draft.unit, only: page..<page + 1)
                draft.tally.replacedDamaged += 1
            }
            let digest = buffer.withBytes(Page.bytes(page)) { digestKey.digest(of: $0) }
            draft.entries[page] = .zero
            draft.tally.counts.moved += 1
            draft.pages.append(
                UnitDraft.Page(
                    page: page, digest: digest, base: base(location, known[page]), isMoved: true))
        }
        draft.pages.sort { $0.page < $1.page }
    }

    // MARK: Duplicates

    /// Turns pages whose content is already stored into duplicates, and remembers the others.
    private mutating func findDuplicates(
        in draft: inout UnitDraft, _ finder: inout DuplicateFinder
    ) throws(SnapError) {
        var stored: [UnitDraft.Page] = []
        stored.reserveCapacity(draft.pages.count)
        for page in draft.pages {
            if let original = finder.original(of: page.digest) {
                if try isEqual(page.page, of: draft.unit, to: original) {
                    draft.duplicates.append(
                        EncodedUnit.Duplicate(page: page.page, original: original))
                    if !page.isMoved { draft.tally.counts.duplicate += 1 }
                    continue
                }
            } else {
                finder.record(
                    DuplicateFinder.Original(
                        unit: draft.unit.ordinal, page: page.page, slot: stored.count), page.digest)
            }
            stored.append(page)
        }
        draft.pages = stored
    }

    /// Compares a page byte by byte with a page that is already stored.
    ///
    /// A page of another unit is read from the image again. If the image has changed in the
    /// meantime, which a paused guest's does not, the result is still correct: equal bytes whose
    /// digest matches the stored page's are the bytes that were stored.
    private mutating func isEqual(
        _ page: Int, of unit: ImageUnit, to original: DuplicateFinder.Original
    ) throws(SnapError) -> Bool {
        if original.unit == unit.ordinal {
            return buffer.withBytes(Page.bytes(page)) { page in
                buffer.withBytes(Page.bytes(original.page)) { page.isEqual(to: $0) }
            }
        }
        let block = blocks[blocks.partitionIndex { $0.firstUnit > original.unit } - 1]
        let offset =
            (original.unit - block.firstUnit) * Unit.byteCount + original.page * Page.byteCount
        try other.withMutableBytes(Page.bytes(0)) { (bytes) throws(SnapError) in
            try block.image.read(into: &bytes, at: offset)
        }
        return isEqualToOther(page)
    }

    // MARK: Encoding

    private mutating func content(
        of draft: inout UnitDraft
    ) throws(SnapError) -> EncodedUnit.Content {
        if draft.pages.isEmpty && draft.duplicates.isEmpty {
            if draft.entries.allSatisfy({ $0 == .zero }) { return .stored(.zero) }
            if draft.parent.locations.starts(with: draft.entries),
                let location = try keptTable(ofUnit: draft.unit.index)
            {
                return .stored(location)
            }
        }
        return .changed(
            entries: draft.entries, group: try group(of: &draft),
            places: draft.pages.map(\.page), duplicates: draft.duplicates)
    }

    /// Returns the location of the parent's table of a unit; nil if it needs an unshared part.
    private mutating func keptTable(ofUnit index: Int) throws(SnapError) -> Location? {
        let level = min(1, parentTables?.shape.depth ?? 0)
        let location = try parentTables?.location(level: level, index: index) ?? .zero
        let isUnshared = try parentTables?.needs(unshared, at: location, level: level) ?? true
        return isUnshared ? nil : location
    }

    private mutating func group(
        of draft: inout UnitDraft
    ) throws(SnapError) -> EncodedGroup? {
        if draft.pages.isEmpty { return nil }
        let deltas = try PageDeltas(
            of: draft.pages, in: buffer, bases: &parentPages, scratch: &other)
        var records: [Record] = []
        records.reserveCapacity(draft.pages.count)
        var end = 0
        // An encoding never extends past the end of its own page, so later pages are intact.
        for (page, runs) in zip(draft.pages, deltas.ranges) {
            if let runs, let base = page.base {
                deltas.runs.withBytes { buffer.copy($0.extracting(runs), to: end) }
                records.append(.delta(page.digest, base: base, encodedByteCount: runs.count))
                end += runs.count
                if !page.isMoved { draft.tally.counts.delta += 1 }
            } else {
                let bytes = Page.bytes(page.page)
                if bytes.lowerBound != end { buffer.move(bytes, to: end) }
                records.append(.literal(page.digest))
                end += Page.byteCount
                if !page.isMoved { draft.tally.counts.literal += 1 }
            }
        }
        return try buffer.withBytes(0..<end) { (encodings) throws(SnapError) in
            try encoder.encode(records, encodings, level: 0)
        }
    }
}
