import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization
import WorkPipeline

/// Writes a checkpoint's pages: everything is decided, and the units go through the pipeline.
struct CheckpointWriter: Sendable {
    /// The RAM blocks, at least one.
    private let blocks: [SaveBlock]
    private let deviceStates: [SaveContent.DeviceState]
    private let target: CheckpointTarget
    private let parent: ParentCheckpoint?
    private let encoding: Save.Encoding

    /// Prepares to write.
    ///
    /// - Parameters:
    ///   - blocks: The RAM blocks, at least one, and what each is compared with.
    ///   - deviceStates: The device-state files.
    ///   - target: The checkpoint that is made.
    ///   - parent: What it shares pages with.
    ///   - encoding: How to compare and store pages.
    init(
        of blocks: [SaveBlock], and deviceStates: [SaveContent.DeviceState],
        to target: CheckpointTarget, parent: ParentCheckpoint?, encoding: Save.Encoding
    ) {
        precondition(!blocks.isEmpty)
        self.blocks = blocks
        self.deviceStates = deviceStates
        self.target = target
        self.parent = parent
        self.encoding = encoding
    }

    /// Writes the RAM's pages into a file without a name; the images are not needed afterwards.
    ///
    /// - Parameter context: How to run.
    /// - Throws: What reading the images and the parent, and writing the file, throw.
    func writePages(_ context: WorkContext) throws(SnapError) -> UncommittedCheckpoint {
        let finder = Mutex(DuplicateFinder())
        let byteCount = blocks.reduce(0) { $0 + $1.image.block.byteCount }
        let progress = context.progress
        let comparison = UnitComparison(
            blocks: blocks, parent: parent, digestKey: target.identity.digestKey,
            comparesBytes: encoding.comparesBytes)
        let compression = encoding.compression
        progress.begin(.saving, of: byteCount)
        let pages = try OrderedPipeline.run(
            // Where files are to be let go of, clean pages have to be moved too.
            over: ImageUnitCursor(
                blocks, skipsCleanUnits: parent?.evicted.isEmpty ?? true, context.calls),
            into: try SavevmAssembler(
                of: blocks, to: target, parent: parent, compression: compression),
            jobs: context.jobs,
            makeWorker: { () throws(SnapError) in
                try UnitEncoder(comparison, compression)
            },
            work: { (worker, unit, turn) throws(SnapError) in
                try worker.encode(unit, in: turn, with: finder)
            },
            deliver: { (pages, unit) throws(SnapError) in
                try pages.append(unit)
                progress.reach(min((unit.ordinal + 1) * Unit.byteCount, byteCount))
            })
        for block in blocks { try block.image.checkLength() }
        return UncommittedCheckpoint(
            of: target, pages: pages, deviceStates: deviceStates, parent: parent,
            encoding: encoding)
    }
}
