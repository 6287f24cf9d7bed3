import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization
import WorkPipeline

/// The pipeline of a save: cursor over the units, workers that encode, assembler of the file.
struct SavePipeline: Sendable {
    /// The RAM blocks, at least one.
    private let blocks: [PairedBlock]
    private let deviceStates: [SaveContent.DeviceState]
    private let target: CheckpointTarget
    private let parent: ParentCheckpoint?
    private let options: Save.PageOptions

    /// Prepares to run.
    ///
    /// - Parameters:
    ///   - blocks: The RAM blocks, at least one, and what each is compared with.
    ///   - deviceStates: The device-state files.
    ///   - target: The checkpoint that is made.
    ///   - parent: What it shares pages with.
    ///   - options: How to compare and store pages.
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

    /// Reads all RAM and stores its pages in a file without a name; the images are not needed
    /// afterwards.
    ///
    /// - Parameters:
    ///   - context: How to run.
    ///   - deadline: When all units have to be read; nil for no limit.
    /// - Throws: `.busy` at the deadline; what reading the images and the parent, and writing the
    ///   file, throw.
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
        return UncommittedCheckpoint(
            of: target, savevm, deviceStates: deviceStates, parent: parent,
            compression: options.compression)
    }
}
