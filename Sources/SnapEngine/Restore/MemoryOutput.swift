import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization

// How a checkpoint's memory is written back.
extension StoredMemory {
    /// Writes the memory into a file of its length that is all holes.
    ///
    /// - Parameters:
    ///   - image: The file.
    ///   - jobs: How many workers.
    ///   - progress: Where it tells how far it has come.
    /// - Throws: `.damaged`, `.inputOutput`, `.interrupted`.
    func write(
        to image: borrowing OutputFile, jobs: Int, _ progress: WorkProgress
    ) throws(SnapError) {
        let cursor = Mutex(DataUnitCursor(blocks, files))
        progress.begin(.restoring, of: byteCount)
        try OrderedPipeline.run(
            jobs: jobs,
            next: { () throws(SnapError) in
                try cursor.withLock { cursor throws(SnapError) in try cursor.next() }
            },
            makeWorker: { UnitDecoder(files) },
            work: { (worker, unit: StoredUnit, _) throws(SnapError) in
                try worker.decode(unit)
                try worker.forEachRun { (bytes, offset) throws(SnapError) in
                    try image.write(bytes, at: unit.offset + offset)
                }
                return unit.end
            },
            deliver: { progress.reach($0) })
        progress.reach(byteCount)
    }

    /// Writes the memory to a pipe, zeros and all.
    ///
    /// - Parameters:
    ///   - pipe: Where to.
    ///   - jobs: How many workers.
    ///   - progress: Where it tells how far it has come.
    /// - Throws: `.damaged`, `.inputOutput`, `.interrupted`.
    func write(
        to pipe: borrowing File, jobs: Int, _ progress: WorkProgress
    ) throws(SnapError) {
        let cursor = Mutex(StoredUnitCursor(blocks))
        progress.begin(.restoring, of: byteCount)
        try OrderedPipeline.run(
            jobs: jobs,
            next: { cursor.withLock { $0.next() } },
            makeWorker: { UnitDecoder(files) },
            work: { (worker, unit, _) throws(SnapError) in
                try worker.decode(unit)
                return worker.bytes(of: unit)
            },
            deliver: { (bytes) throws(SnapError) in
                try bytes.withBytes { (bytes) throws(SnapError) in try pipe.append(bytes) }
                progress.advance(by: bytes.count)
            })
    }
}
