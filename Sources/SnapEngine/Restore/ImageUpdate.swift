import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization

/// Brings an existing memory file to a checkpoint by writing only the pages that differ.
///
///     compare: unit ─ read ─ digest ─ the record's? ─ else inflate and check
///     apply:   punch all that becomes zero │ units with a difference ─ inflate ─ write
///
/// Whatever is needed has been read and checked before the first write; the pages that differ are
/// inflated twice for that.
struct ImageUpdate {
    /// A unit, and which of its pages differ: from zero, and from what is stored.
    private struct Difference {
        let unit: StoredUnit
        let cleared: PageSet
        let changed: PageSet
    }

    private let source: StoredMemory
    private let jobs: Int
    private let differences: [Difference]

    /// How many pages differ.
    var pageCount: Int { differences.reduce(0) { $0 + $1.cleared.count + $1.changed.count } }

    /// Compares a file with a checkpoint.
    ///
    /// - Parameters:
    ///   - image: The file, as long as the checkpoint's memory.
    ///   - source: The checkpoint.
    ///   - digestKey: The key that most of its digests have.
    ///   - jobs: How many workers.
    ///   - progress: Where it tells how far it has come.
    /// - Throws: `.damaged` if a page that differs cannot be read; `.inputDamaged` if the file
    ///   shrinks; `.inputOutput`, `.interrupted`.
    init(
        comparing image: borrowing MemoryImage, with source: StoredMemory,
        _ digestKey: DigestKey, jobs: Int, _ progress: WorkProgress
    ) throws(SnapError) {
        progress.begin(.comparing, of: source.byteCount)
        let cursor = Mutex((units: StoredUnitCursor(source.blocks), data: DataCursor()))
        let differences = Mutex<[Difference]>([])
        try OrderedPipeline.run(
            jobs: jobs,
            next: { () -> (unit: StoredUnit, data: [Range<Int>])? in
                cursor.withLock { cursor in
                    guard let unit = cursor.units.next() else { return nil }
                    let end = unit.offset + unit.pageCount * Page.byteCount
                    return (unit, image.dataRuns(advancing: &cursor.data, to: end))
                }
            },
            makeWorker: { UnitComparer(source.files, digestKey) },
            work: { (worker, item, _) throws(SnapError) in
                let (cleared, changed) = try worker.compare(item.unit, item.data, of: image)
                progress.advance(by: item.unit.pageCount * Page.byteCount)
                return Difference(unit: item.unit, cleared: cleared, changed: changed)
            },
            deliver: { difference in
                if difference.cleared.isEmpty && difference.changed.isEmpty { return }
                differences.withLock { $0.append(difference) }
            })
        self.source = source
        self.jobs = jobs
        self.differences = differences.withLock { $0 }
    }

    /// Writes what differs.
    ///
    /// On failure the file is a mixture, if anything has been written, and the error's hint says
    /// so; comparing and applying again mends it.
    ///
    /// - Parameters:
    ///   - image: The file.
    ///   - progress: Where it tells how far it has come.
    /// - Throws: `.damaged`, `.inputOutput`, `.interrupted`.
    func apply(
        to image: borrowing MemoryImage, _ progress: WorkProgress
    ) throws(SnapError) {
        let isTouched = Mutex(false)
        progress.begin(.restoring, of: pageCount * Page.byteCount)
        do throws(SnapError) {
            // First, so that on a file system that is nearly full there is room for the rest.
            try clear(in: image, isTouched)
            try write(to: image, isTouched, progress)
        } catch {
            guard isTouched.withLock({ $0 }) else { throw error }
            throw error.with(
                hint: "\(image.path) is a mixture of two states now: the same command again "
                    + "mends it")
        }
    }

    private func clear(
        in image: borrowing MemoryImage, _ isTouched: borrowing Mutex<Bool>
    ) throws(SnapError) {
        for difference in differences {
            try Interruption.check()
            for run in difference.cleared.runs {
                isTouched.withLock { $0 = true }
                let start = difference.unit.offset + run.lowerBound * Page.byteCount
                try image.clear(start..<start + run.count * Page.byteCount)
            }
        }
    }

    private func write(
        to image: borrowing MemoryImage, _ isTouched: borrowing Mutex<Bool>,
        _ progress: WorkProgress
    ) throws(SnapError) {
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
                try worker.decode(unit, difference.changed)
                try worker.forEachRun { (bytes, offset) throws(SnapError) in
                    isTouched.withLock { $0 = true }
                    try image.write(bytes, at: unit.offset + offset)
                }
                progress.advance(by: difference.changed.count * Page.byteCount)
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
    ) throws(SnapError) -> (cleared: PageSet, changed: PageSet) {
        let locations = try decoder.locations(of: unit)
        let known = try decoder.knownPages(at: locations, key: digestKey)
        var cleared = PageSet()
        var changed = PageSet()
        // What is not data is a hole, and equal where the checkpoint is zero.
        for page in 0..<unit.pageCount where locations[page] != .zero { changed.insert(page) }
        for run in data {
            let start = run.lowerBound - unit.offset
            try buffer.withMutableBytes(start..<start + run.count) { (bytes) throws(SnapError) in
                try image.read(into: &bytes, at: run.lowerBound)
            }
            for page in start / Page.byteCount..<(start + run.count) / Page.byteCount {
                let isStored = locations[page] != .zero
                let isEqual = buffer.withBytes(Page.bytes(page)) { bytes in
                    isStored
                        ? digestKey.digest(of: bytes) == known[page].digest : Page.isZero(bytes)
                }
                if isStored && isEqual { changed.remove(page) }
                if !isStored && !isEqual { cleared.insert(page) }
            }
        }
        if !changed.isEmpty { try decoder.decode(unit, changed) }
        return (cleared, changed)
    }
}
