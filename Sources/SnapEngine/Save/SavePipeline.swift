import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization
import WorkPipeline

/// The pipeline of a save: a cursor over the units, workers that encode them, and the assembler of
/// the savevm file.
struct SavePipeline: Sendable {
    /// The RAM blocks, at least one.
    private let blocks: [PairedBlock]
    private let deviceStates: [SaveContent.DeviceState]
    private let target: CheckpointTarget
    private let parent: ParentCheckpoint?
    private let options: Save.PageOptions

    /// Creates a pipeline.
    ///
    /// - Parameters:
    ///   - blocks: The RAM blocks, at least one, each with the parent's block to compare with.
    ///   - deviceStates: The device-state files to keep.
    ///   - target: The checkpoint to create.
    ///   - parent: The parent; nil for a full checkpoint.
    ///   - options: The options for comparing and storing pages.
    init(
        of blocks: [PairedBlock], and deviceStates: [SaveContent.DeviceState],
        to target: CheckpointTarget, parent: ParentCheckpoint?, options: Save.PageOptions
    ) {
        precondition(!blocks.isEmpty)
        self.blocks = blocks
        self.deviceStates = deviceStates
        self.target = target
        self.parent = parent
        self.options = options
    }

    /// Reads all RAM and stores its pages in a file that has no name yet.
    ///
    /// The images are not needed afterwards.
    ///
    /// - Parameters:
    ///   - context: Supplies jobs and receives progress.
    ///   - deadline: The time by which all units must be read; nil for no limit.
    /// - Returns: The checkpoint, ready to be committed.
    /// - Throws: `.busy` at the deadline; `.inputDamaged` if an image shrinks; `.damaged` for the
    ///   parent's files; `.notFound`, `.mismatch`, `.unsupported`, `.permission`, `.inputOutput` or
    ///   `.interrupted`.
    func run(
        _ context: WorkContext, until deadline: ContinuousClock.Instant?
    ) throws(SnapError) -> UncommittedCheckpoint {
        let finder = Mutex(DuplicateFinder())
        let byteCount = blocks.reduce(0) { $0 + $1.image.ram.byteCount }
        let progress = context.progress
        let blocks = blocks
        let parent = parent
        let key = target.identity.digestKey
        let options = options
        progress.begin(.saving, of: byteCount)
        let savevm = try OrderedPipeline.run(
            over: ImageUnitCursor(
                blocks, comparedWith: parent, until: deadline, context.calls),
            into: try SavevmAssembler(
                of: blocks, to: target, parent: parent, compression: options.compression),
            jobs: context.jobs,
            makeWorker: { () throws(SnapError) in
                try UnitEncoder(
                    of: blocks, comparedWith: parent, key: key, options: options)
            },
            work: { (worker, unit, turn) throws(SnapError) in
                try worker.encode(unit, in: turn, with: finder)
            },
            deliver: { (savevm, unit) throws(SnapError) in
                try savevm.append(unit)
                progress.reach(min((unit.ordinal + 1) * Unit.byteCount, byteCount))
            })
        progress.reach(byteCount)
        for block in blocks { try block.image.checkLength() }
        let devices = DeviceStateAssembler(
            of: deviceStates, to: target, parent: parent, compression: options.compression)
        return UncommittedCheckpoint(of: target, savevm, devices)
    }
}
