import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import WorkPipeline

extension StoredMemory {
    /// Writes the memory into a new file; zero pages stay holes.
    ///
    /// - Parameters:
    ///   - image: The file, which has the memory's length and consists of holes.
    ///   - context: Supplies jobs and receives progress.
    /// - Throws: `.damaged`, `.inputOutput` or `.interrupted`.
    func write(to image: borrowing OutputFile, _ context: WorkContext) throws(SnapError) {
        let progress = context.progress
        let files = files
        progress.begin(.restoring, of: byteCount)
        try OrderedPipeline.run(
            over: dataUnits, into: (), jobs: context.jobs,
            makeWorker: { UnitDecoder(files) },
            work: { (worker, unit: StoredUnit, _) throws(SnapError) in
                try worker.decode(unit)
                try worker.forEachRun { (bytes, offset) throws(SnapError) in
                    try image.write(bytes, at: unit.offset + offset)
                }
                return unit.end
            },
            deliver: { _, end in progress.reach(end) })
        progress.reach(byteCount)
    }

    /// Writes those pages of the memory that are intact into a new file.
    ///
    /// - Parameters:
    ///   - image: The file, which has the memory's length and consists of holes.
    ///   - context: Supplies jobs and receives progress.
    /// - Returns: The pages that were skipped.
    /// - Throws: `.inputOutput` or `.interrupted`.
    func writeReadable(
        to image: borrowing OutputFile, _ context: WorkContext
    ) throws(SnapError) -> SkippedPages {
        let progress = context.progress
        let files = files
        progress.begin(.restoring, of: byteCount)
        let skipped = try OrderedPipeline.run(
            over: DataUnitCursor(blocks, files, skipsDamage: true), into: SkippedPages(of: self),
            jobs: context.jobs, makeWorker: { UnitDecoder(files) },
            work: { (worker, unit: StoredUnit, _) throws(SnapError) in
                let lost = try worker.decodeReadable(unit)
                try worker.forEachRun { (bytes, offset) throws(SnapError) in
                    try image.write(bytes, at: unit.offset + offset)
                }
                return (unit, lost)
            },
            deliver: { (skipped: inout SkippedPages, result: (StoredUnit, UnitDecoder.Loss)) in
                skipped.add(result.1, of: result.0)
                progress.reach(result.0.end)
            })
        progress.reach(byteCount)
        return skipped
    }

    /// Writes the memory to a pipe, with zeros in the place of pages that are damaged.
    ///
    /// - Parameters:
    ///   - pipe: The pipe, or another file that is written from start to end.
    ///   - context: Supplies jobs and receives progress.
    /// - Returns: The pages that were skipped.
    /// - Throws: `.inputOutput` or `.interrupted`.
    func writeReadable(
        to pipe: borrowing File, _ context: WorkContext
    ) throws(SnapError) -> SkippedPages {
        let progress = context.progress
        let files = files
        progress.begin(.restoring, of: byteCount)
        return try OrderedPipeline.run(
            over: units, into: SkippedPages(of: self), jobs: context.jobs,
            makeWorker: { UnitDecoder(files) },
            work: { (worker, unit: StoredUnit, _) throws(SnapError) in
                let lost = try worker.decodeReadable(unit)
                return (unit, lost, worker.bytes(of: unit))
            },
            deliver: {
                (skipped: inout SkippedPages, result: (StoredUnit, UnitDecoder.Loss, [UInt8]))
                    throws(SnapError) in
                try pipe.append(result.2)
                skipped.add(result.1, of: result.0)
                progress.advance(by: result.2.count)
            })
    }

    /// Writes the memory to a pipe, including zero pages.
    ///
    /// - Parameters:
    ///   - pipe: The pipe, or another file that is written from start to end.
    ///   - context: Supplies jobs and receives progress.
    /// - Throws: `.damaged`, `.inputOutput` or `.interrupted`.
    func write(to pipe: borrowing File, _ context: WorkContext) throws(SnapError) {
        let progress = context.progress
        let files = files
        progress.begin(.restoring, of: byteCount)
        try OrderedPipeline.run(
            over: units, into: (), jobs: context.jobs,
            makeWorker: { UnitDecoder(files) },
            work: { (worker, unit: StoredUnit, _) throws(SnapError) in
                try worker.decode(unit)
                return worker.bytes(of: unit)
            },
            deliver: { (_, bytes: [UInt8]) throws(SnapError) in
                try pipe.append(bytes)
                progress.advance(by: bytes.count)
            })
    }
}
