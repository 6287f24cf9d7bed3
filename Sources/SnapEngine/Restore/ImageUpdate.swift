import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization
import WorkPipeline

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

    private let memory: StoredMemory
    private let differences: [Difference]

    /// How many pages differ.
    var pageCount: Int { differences.reduce(0) { $0 + $1.cleared.count + $1.changed.count } }

    /// Compares a file with a checkpoint.
    ///
    /// - Parameters:
    ///   - image: The file, as long as the checkpoint's memory.
    ///   - memory: The checkpoint's memory.
    ///   - key: The key that most of its digests have.
    ///   - context: How to run.
    /// - Throws: `.damaged` if a page that differs cannot be read; `.inputDamaged` if the file
    ///   shrinks; `.inputOutput`, `.interrupted`.
    init(
        comparing image: MemoryImage, with memory: StoredMemory, key: DigestKey,
        _ context: WorkContext
    ) throws(SnapError) {
        let progress = context.progress
        progress.begin(.comparing, of: memory.byteCount)
        differences = try OrderedPipeline.run(
            over: ComparedUnitCursor(memory.units, of: image), into: [], jobs: context.jobs,
            makeWorker: { UnitComparer(of: image, with: memory.files, key: key) },
            work: { (worker, item: ComparedUnit, _) throws(SnapError) in
                let (cleared, changed) = try worker.compare(item)
                progress.advance(by: item.unit.pageCount * Page.byteCount)
                return Difference(unit: item.unit, cleared: cleared, changed: changed)
            },
            deliver: { (differences: inout [Difference], difference) in
                if difference.cleared.isEmpty && difference.changed.isEmpty { return }
                differences.append(difference)
            })
        self.memory = memory
    }

    /// Writes what differs.
    ///
    /// On failure the file is a mixture, if anything has been written, and the error's hint says
    /// so; comparing and applying again mends it.
    ///
    /// - Parameters:
    ///   - image: The file.
    ///   - context: How to run.
    /// - Throws: `.damaged`, `.inputOutput`, `.interrupted`.
    func apply(to image: MemoryImage, _ context: WorkContext) throws(SnapError) {
        let isTouched = Atomic(false)
        context.progress.begin(.restoring, of: pageCount * Page.byteCount)
        do throws(SnapError) {
            // First, so that on a file system that is nearly full there is room for the rest.
            try clear(in: image, isTouched)
            try write(to: image, isTouched, context: context)
        } catch {
            guard isTouched.load(ordering: .relaxed) else { throw error }
            throw error.with(
                hint: "\(image.path) is a mixture of two states now: the same command again "
                    + "mends it")
        }
    }

    private func clear(
        in image: MemoryImage, _ isTouched: borrowing Atomic<Bool>
    ) throws(SnapError) {
        for difference in differences {
            try Interruption.check()
            for run in difference.cleared.runs {
                isTouched.store(true, ordering: .relaxed)
                let start = difference.unit.offset + run.lowerBound * Page.byteCount
                try image.clear(start..<start + run.count * Page.byteCount)
            }
        }
    }

    private func write(
        to image: MemoryImage, _ isTouched: borrowing Atomic<Bool>, context: WorkContext
    ) throws(SnapError) {
        let files = memory.files
        let progress = context.progress
        try OrderedPipeline.run(
            over: ListSource(differences), into: (), jobs: context.jobs,
            makeWorker: { UnitDecoder(files) },
            work: { (worker, difference: Difference, _) throws(SnapError) in
                let unit = difference.unit
                try worker.decode(unit, difference.changed)
                try worker.forEachRun { (bytes, offset) throws(SnapError) in
                    isTouched.store(true, ordering: .relaxed)
                    try image.write(bytes, at: unit.offset + offset)
                }
                progress.advance(by: difference.changed.count * Page.byteCount)
            },
            deliver: { _, _ in })
    }
}
