import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization

/// Turns units of RAM blocks into groups, comparing them with the parent's pages.
///
/// A worker owns one.
struct UnitEncoder: ~Copyable {
    private let blocks: [SaveBlock]
    private let files: SavevmFiles?
    private let digestKey: DigestKey
    private let comparesBytes: Bool
    private let encoder: GroupEncoder
    private let evicted: Set<Int>
    /// The parent's tables of the block whose units are being encoded.
    private var parentTables: PageTableReader?
    private var blockIndex = -1
    private var parentPages: PageReader?
    /// The unit's bytes; the encodings of pages that are stored replace them from the front.
    private var buffer = MemoryBuffer(byteCount: Unit.byteCount)
    /// A page to compare with: the parent's, an original's, a base.
    private var other = MemoryBuffer(byteCount: Page.byteCount)

    /// - Parameter session: The save.
    /// - Throws: `.internalFailure` if the codec cannot be set up.
    init(_ session: SaveSession) throws(SnapError) {
        encoder = try GroupEncoder(level: session.save.level)
        blocks = session.blocks
        files = session.parent?.files
        comparesBytes = session.save.comparesBytes
        digestKey = session.identity.digestKey
        evicted = session.parent?.evicted ?? []
        parentTables = nil
        parentPages = files.map { PageReader($0) }
    }

    /// Encodes a unit.
    ///
    /// - Parameters:
    ///   - unit: The unit.
    ///   - turn: The unit's place in the order.
    ///   - finder: What has been stored before, used in the unit's turn.
    /// - Throws: `.inputDamaged` if the image has shrunk, `.damaged` for the parent's files,
    ///   `.inputOutput`.
    mutating func encode(
        _ unit: ImageUnit, _ turn: Turn, _ finder: borrowing Mutex<DuplicateFinder>
    ) throws(SnapError) -> EncodedUnit {
        if unit.blockIndex != blockIndex {
            blockIndex = unit.blockIndex
            parentTables = nil
            if let files, let parent = blocks[blockIndex].parent {
                parentTables = PageTableReader(parent, files)
            }
        }
        let theirs = try parentTables?.locations(level: 0, inTable: unit.index) ?? []
        var draft = UnitDraft(unit, theirs: theirs)
        try read(unit)
        try classify(&draft)
        try turn.take { () throws(SnapError) in
            try finder.withLock { finder throws(SnapError) in
                try findDuplicates(in: &draft, &finder)
            }
        }
        let content = try content(of: &draft)
        return EncodedUnit(unit, content, draft.tally)
    }

    private mutating func read(_ unit: ImageUnit) throws(SnapError) {
        let image = blocks[unit.blockIndex].image
        for run in unit.pages {
            let bytes = run.lowerBound * Page.byteCount..<run.upperBound * Page.byteCount
            try buffer.withMutableBytes(bytes) { (bytes) throws(SnapError) in
                try image.read(into: &bytes, at: unit.offset(ofPage: run.lowerBound))
            }
        }
    }

    // MARK: Comparing with the parent

    /// Sorts the pages that are looked at into zero, unchanged and stored.
    private mutating func classify(_ draft: inout UnitDraft) throws(SnapError) {
        let known = try knownPages(draft)
        for page in draft.unit.pages.joined() {
            let digest = buffer.withBytes(Page.bytes(page)) { page in
                Page.isZero(page) ? nil : digestKey.digest(of: page)
            }
            guard let digest else { continue }
            draft.noteData(page)
            let their = draft.their(page)
            var isMoved = false
            if their != .zero, try isUnchanged(page, digest, their, known[page]) {
                draft.tally.counts.unchanged += 1
                if isKept(their, known[page]) {
                    draft.entries[page] = their
                    continue
                }
                draft.tally.counts.moved += 1
                isMoved = true
            }
            draft.pages.append(
                UnitDraft.Page(
                    page: page, digest: digest,
                    base: known.isEmpty ? nil : base(their, known[page]), isMoved: isMoved))
        }
        if draft.unit.rest == .parents && !evicted.isEmpty { try moveClean(&draft, known) }
    }

    /// What is known of the parent's pages that are looked at, or that may have to be moved.
    private mutating func knownPages(_ draft: UnitDraft) throws(SnapError) -> [KnownPage] {
        guard parentPages != nil, !draft.theirs.isEmpty else { return [] }
        var locations = draft.theirs
        if draft.unit.rest == .parents && evicted.isEmpty {
            locations = Array(repeating: .zero, count: draft.theirs.count)
            for page in draft.unit.pages.joined() { locations[page] = draft.theirs[page] }
        }
        return try parentPages?.knownPages(at: locations, level: 0, key: digestKey) ?? []
    }

    /// Whether a page is the parent's: by digest, and by its bytes where digests are not believed
    /// or the parent's has another key.
    private mutating func isUnchanged(
        _ page: Int, _ digest: Hash128, _ their: Location, _ known: KnownPage
    ) throws(SnapError) -> Bool {
        if let theirDigest = known.digest {
            if theirDigest != digest { return false }
            if !comparesBytes { return true }
        }
        try parentPages?.read([PageRequest(their, targetPage: 0)], level: 0, into: &other)
        return isOther(page)
    }

    /// Whether a page of the buffer has the bytes that were read for comparison.
    private func isOther(_ page: Int) -> Bool {
        buffer.withBytes(Page.bytes(page)) { page in
            other.withBytes(Page.bytes(0)) { page.isEqual(to: $0) }
        }
    }

    /// Whether a page may go on lying where it is.
    private func isKept(_ location: Location, _ known: KnownPage) -> Bool {
        !evicted.contains(location.number)
            && known.base.map { !evicted.contains($0.number) } ?? true
    }

    /// The literal page behind the parent's, unless it lies in a file to let go of.
    private func base(_ their: Location, _ known: KnownPage) -> Location? {
        let base = known.base ?? their
        return base == .zero || evicted.contains(base.number) ? nil : base
    }

    /// Takes clean pages out of the files to let go of: their bytes are the parent's, whatever
    /// the image holds.
    private mutating func moveClean(
        _ draft: inout UnitDraft, _ known: [KnownPage]
    ) throws(SnapError) {
        var lookedAt = PageSet()
        for page in draft.unit.pages.joined() { lookedAt.insert(page) }
        for (page, their) in draft.theirs.enumerated()
        where their != .zero && !lookedAt.contains(page) && !isKept(their, known[page]) {
            try parentPages?.read(
                [PageRequest(their, targetPage: page)], level: 0, into: &buffer)
            let digest = buffer.withBytes(Page.bytes(page)) { digestKey.digest(of: $0) }
            draft.entries[page] = .zero
            draft.tally.counts.moved += 1
            draft.pages.append(
                UnitDraft.Page(
                    page: page, digest: digest, base: base(their, known[page]), isMoved: true))
        }
        draft.pages.sort { $0.page < $1.page }
    }

    // MARK: Duplicates

    /// Takes out the pages whose content has been stored before, and notes the others.
    private mutating func findDuplicates(
        in draft: inout UnitDraft, _ finder: inout DuplicateFinder
    ) throws(SnapError) {
        var stored: [UnitDraft.Page] = []
        stored.reserveCapacity(draft.pages.count)
        for page in draft.pages {
            if let original = finder.original(of: page.digest) {
                if try isEqual(page.page, original, draft.unit) {
                    draft.duplicates.append(
                        EncodedUnit.Duplicate(page: page.page, original: original))
                    if !page.isMoved { draft.tally.counts.duplicate += 1 }
                    continue
                }
            } else {
                finder.note(
                    DuplicateFinder.Original(
                        unit: draft.unit.ordinal, page: page.page, slot: stored.count), page.digest)
            }
            stored.append(page)
        }
        draft.pages = stored
    }

    /// Compares a page with one that has been stored, byte by byte.
    ///
    /// That of another unit is read from the image again. If the image has changed since, which a
    /// guest at rest does not do, equal bytes with the digest of those that were stored are still
    /// the ones that were stored.
    private mutating func isEqual(
        _ page: Int, _ original: DuplicateFinder.Original, _ unit: ImageUnit
    ) throws(SnapError) -> Bool {
        if original.unit == unit.ordinal {
            return buffer.withBytes(Page.bytes(page)) { page in
                buffer.withBytes(Page.bytes(original.page)) { page.isEqual(to: $0) }
            }
        }
        guard let block = blocks.last(where: { $0.firstUnit <= original.unit }) else {
            return false
        }
        let offset =
            (original.unit - block.firstUnit) * Unit.byteCount + original.page * Page.byteCount
        try other.withMutableBytes(Page.bytes(0)) { (bytes) throws(SnapError) in
            try block.image.read(into: &bytes, at: offset)
        }
        return isOther(page)
    }

    // MARK: Encoding

    private mutating func content(
        of draft: inout UnitDraft
    ) throws(SnapError) -> EncodedUnit.Content {
        if draft.pages.isEmpty && draft.duplicates.isEmpty {
            if draft.entries.allSatisfy({ $0 == .zero }) { return .stored(.zero) }
            if draft.theirs.starts(with: draft.entries),
                let location = try keptTable(ofUnit: draft.unit.index)
            {
                return .stored(location)
            }
        }
        return .changed(
            entries: draft.entries, group: try group(of: &draft),
            places: draft.pages.map(\.page), duplicates: draft.duplicates)
    }

    /// Where the parent's table of a unit is, unless that lies in a file to let go of.
    private mutating func keptTable(ofUnit index: Int) throws(SnapError) -> Location? {
        let level = min(1, parentTables?.table.depth ?? 0)
        let location = try parentTables?.location(level: level, index: index) ?? .zero
        let isLost = try parentTables?.isStored(in: evicted, location, level: level) ?? true
        return isLost ? nil : location
    }

    private mutating func group(
        of draft: inout UnitDraft
    ) throws(SnapError) -> EncodedGroup? {
        if draft.pages.isEmpty { return nil }
        let deltas = try PageDeltas(of: draft.pages, in: buffer, &parentPages, scratch: &other)
        var records: [Record] = []
        records.reserveCapacity(draft.pages.count)
        var end = 0
        // An encoding never reaches beyond the place of its own page: those behind are intact.
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
            try encoder.encode(level: 0, records, encodings)
        }
    }
}
