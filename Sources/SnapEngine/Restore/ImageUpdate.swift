import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization
import WorkPipeline

/// Updates an existing memory file to a checkpoint by writing only the pages that differ.
///
///     compare: unit ─ read ─ digest ─ the record's? ─ else decode and check
///     apply:   punch all that becomes zero │ units with a difference ─ decode ─ write
///
/// All needed pages are read and checked before the first write, so the pages that differ are
/// decoded twice.
struct ImageUpdate {
    /// A unit, its pages that must become zero, and its pages that need other bytes.
    private struct Difference {
        let unit: StoredUnit
        let cleared: PageSet
        let changed: PageSet
    }

    private let memory: StoredMemory
    private let differences: [Difference]

    /// The number of pages that differ.
    var pageCount: Int { differences.reduce(0) { $0 + $1.cleared.count + $1.changed.count } }

    /// Compares a file with a checkpoint, and writes nothing.
    ///
    /// - Parameters:
    ///   - image: The file, with the same length as the checkpoint's memory.
    ///   - memory: The checkpoint's memory.
    ///   - key: The key of most of the checkpoint's digests.
    ///   - context: Supplies jobs and receives progress.
    /// - Throws: `.damaged` if a page that differs cannot be read; `.inputDamaged` if the file
    ///   shrinks; `.inputOutput` or `.interrupted`.
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

    /// Writes the pages that differ.
    ///
    /// A failure after the first write leaves the file partly old, partly new, and the error's hint
    /// reports this. A second comparison and update repairs the file.
    ///
    /// - Parameters:
    ///   - image: The file that was compared.
    ///   - context: Supplies jobs and receives progress.
    /// - Throws: `.damaged`, `.inputOutput` or `.interrupted`.
    func apply(to image: MemoryImage, _ context: WorkContext) throws(SnapError) {
        let isTouched = Atomic(false)
        context.progress.begin(.restoring, of: pageCount * Page.byteCount)
        do throws(SnapError) {
            // Clearing pages first makes room for the rest on a nearly full file system.
            try clear(in: image, isTouched)
            try write(to: image, isTouched, context: context)
        } catch {
            guard isTouched.load(ordering: .relaxed) else { throw error }
            throw error.with(
                hint: "\(image.path) is now partly old, partly new: run the same command again to "
                    + "complete the restore")
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
