import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization

/// Brings an existing memory file to a checkpoint by writing only the pages that differ.
///
///     compare: unit ─ read ─ digest ─ the record's? ─ else inflate and check
///     apply:   units with a difference ─ inflate ─ write, or punch a hole
///
/// Whatever is needed has been read and checked before the first write; the pages that differ are
/// inflated twice for that.
struct ImageUpdate {
    /// A unit, and which of its pages differ.
    private struct Difference {
        let unit: StoredUnit
        let pages: PageSet
    }

    private let source: RestoreSource
    private let jobs: Int
    private let differences: [Difference]

    /// How many pages differ.
    var pageCount: Int { differences.reduce(0) { $0 + $1.pages.count } }

    /// Compares a file with a checkpoint.
    ///
    /// - Parameters:
    ///   - image: The file, as long as the checkpoint's memory.
    ///   - source: The checkpoint.
    ///   - digestKey: The key that most of its digests have.
    ///   - jobs: How many workers.
    /// - Throws: `.damaged` if a page that differs cannot be read; `.inputDamaged` if the file
    ///   shrinks; `.inputOutput`, `.interrupted`.
    init(
        comparing image: borrowing MemoryImage, with source: RestoreSource,
        _ digestKey: DigestKey, jobs: Int
    ) throws(SnapError) {
        let cursor = Mutex((units: StoredUnitCursor(source.blocks), data: DataCursor()))
        let differences = Mutex<[Difference]>([])
        try OrderedPipeline.run(
            jobs: jobs,
            next: { () throws(SnapError) -> (unit: StoredUnit, data: [Range<Int>])? in
                try cursor.withLock { cursor throws(SnapError) in
                    guard let unit = cursor.units.next() else { return nil }
                    let end = unit.offset + unit.pageCount * Page.byteCount
                    return (unit, try image.dataRuns(advancing: &cursor.data, to: end))
                }
            },
            makeWorker: { UnitComparer(source.files, digestKey) },
            work: { (worker, item, _) throws(SnapError) in
                let pages = try worker.compare(item.unit, item.data, of: image)
                return Difference(unit: item.unit, pages: pages)
            },
            deliver: { difference in
                if difference.pages.isEmpty { return }
                differences.withLock { $0.append(difference) }
            })
        self.source = source
        self.jobs = jobs
        self.differences = differences.withLock { $0 }
    }

    /// Writes what differs.
    ///
    /// On failure the file is a mixture; comparing and applying again mends it.
    ///
    /// - Parameter image: The file.
    /// - Throws: `.damaged`, `.inputOutput`, `.interrupted`.
    func apply(to image: borrowing MemoryImage) throws(SnapError) {
        let next = Mutex(0)
        try OrderedPipeline.run(
            jobs: jobs,
            next: {
                next.withLock { next in
                    guard next < differences.count else { return nil }
                    defer { next += 1 }
                    return differences[next]
                }
            },
            makeWorker: { UnitDecoder(source.files) },
            work: { (worker, difference: Difference, _) throws(SnapError) in
                let unit = difference.unit
                try worker.decode(unit, difference.pages)
                try worker.forEachRun { (bytes, offset) throws(SnapError) in
                    try image.write(bytes, at: unit.offset + offset)
                }
                let locations = try worker.locations(of: unit)
                var cleared = PageSet()
                for page in 0..<unit.pageCount
                where difference.pages.contains(page) && locations[page] == .zero {
                    cleared.insert(page)
                }
                for run in cleared.runs {
                    let offset = unit.offset + run.lowerBound * Page.byteCount
                    try image.clear(offset..<offset + run.count * Page.byteCount)
                }
            },
            deliver: { _ in })
    }
}

/// Finds the pages of a unit in which a memory file differs from a checkpoint.
///
/// A worker owns one.
private struct UnitComparer: ~Copyable {
    private let digestKey: DigestKey
    private var decoder: UnitDecoder
    private var buffer = MemoryBuffer(byteCount: Unit.byteCount)

    init(_ files: SavevmFiles, _ digestKey: DigestKey) {
        decoder = UnitDecoder(files)
        self.digestKey = digestKey
    }

    /// Compares a unit, and reads those of its stored pages that differ to see that they can be.
    mutating func compare(
        _ unit: StoredUnit, _ data: [Range<Int>], of image: borrowing MemoryImage
    ) throws(SnapError) -> PageSet {
        let locations = try decoder.locations(of: unit)
        let known = try decoder.knownPages(at: locations, key: digestKey)
        var differing = PageSet()
        // What is not data is a hole, and equal where the checkpoint is zero.
        for page in 0..<unit.pageCount where locations[page] != .zero { differing.insert(page) }
        var equal = PageSet()
        for run in data {
            let start = run.lowerBound - unit.offset
            try buffer.withMutableBytes(start..<start + run.count) { (bytes) throws(SnapError) in
                try image.read(into: &bytes, at: run.lowerBound)
            }
            for page in start / Page.byteCount..<(start + run.count) / Page.byteCount {
                let range = page * Page.byteCount..<(page + 1) * Page.byteCount
                let isEqual = buffer.withBytes(range) { bytes in
                    locations[page] == .zero
                        ? Page.isZero(bytes) : digestKey.digest(of: bytes) == known[page].digest
                }
                if isEqual { equal.insert(page) } else { differing.insert(page) }
            }
        }
        differing.subtract(equal)
        if !differing.isEmpty { try decoder.decode(unit, differing) }
        return differing
    }
}
