// SnapEngine
//
// The operations of snap, one folder per operation. An operation is a value that describes what the
// user asks for. Its `run` function receives the store and a `WorkContext`. This part imports the
// parts below it, except QEMUMonitor. No operation uses another operation's folder, except that
// Summarize uses Map. Start with List in Inspect, the smallest operation, or here.

// snap save: stores what has changed in a memory image since its parent as a checkpoint.
//
//     unit ─ read once ─ zero? ─ digest ─ parent's? │ in order: duplicates │ delta or literal ─
//     clusters ─ compress │ in order: append the group ─ the table, when its subtree ends │
//     trailer ─ fsync ─ name ─ index row
//
// The folders follow this order: Input (the data to save), Parent (the checkpoint to compare with),
// Units (the work on each 2 MiB), Output (the files, and the commit). `SaveRun` performs a save
// from the inputs to the index row. `SavePipeline` is its middle, which reads and stores the units.

import CheckpointStore
package import Codecs
package import GuestMemory
package import MigrationStream
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Takes a checkpoint of a guest's memory.
package struct Save: Sendable {
    /// A device-state file to keep with the checkpoint.
    package struct DeviceState: Sendable, Equatable {
        /// The name of the device state in the checkpoint.
        package let name: GuestName
        /// The path of the file to read.
        package let path: FilePath

        /// Creates a description; the parameters are the properties of these names.
        package init(name: GuestName, path: FilePath) {
            self.name = name
            self.path = path
        }
    }

    /// The source of the memory.
    package enum Input: Sendable {
        /// A file; its format is detected from its first bytes unless given.
        case image(FilePath, ImageFormat?)
        /// A QEMU stream on standard input.
        case standardInput
        /// Raw files, one per RAM block.
        case blocks([RAMBlockFile])
        /// A running guest, and how it is saved.
        case runningGuest(GuestAddress, RunningGuestMode)
    }

    /// How a running guest is saved.
    package enum RunningGuestMode: Sendable, Equatable {
        /// The guest is paused while snap reads its RAM from shared files.
        case paused
        /// The guest runs on while QEMU sends the RAM of one instant. The save ends if nothing
        /// arrives for so long.
        case live(timeout: Duration)
    }

    /// A raw file that contains one RAM block.
    package struct RAMBlockFile: Sendable, Equatable {
        /// The RAM block's name.
        package let name: String
        /// The path of the file that contains the block's bytes.
        package let path: FilePath
        /// The address of the block in the guest, in bytes; nil if unknown.
        package let guestPhysicalAddress: UInt64?

        /// Creates a description; the parameters are the properties of these names.
        package init(name: String, path: FilePath, guestPhysicalAddress: UInt64?) {
            self.name = name
            self.path = path
            self.guestPhysicalAddress = guestPhysicalAddress
        }
    }

    /// A file that marks the pages of a RAM block that can differ from the parent's.
    package struct DirtyBitmapFile: Sendable, Equatable {
        /// The RAM block's name; nil if the guest has only one block.
        package let blockName: String?
        /// The path of the bitmap.
        package let path: FilePath

        /// Creates a description; the parameters are the properties of these names.
        package init(blockName: String?, path: FilePath) {
            self.blockName = blockName
            self.path = path
        }
    }

    /// The choice of the checkpoint with which the new one shares pages.
    package enum Parent: Sendable {
        /// The guest's newest checkpoint, if a RAM block of it matches.
        case newest
        /// The given checkpoint; the save fails if none of its RAM blocks matches.
        case checkpoint(CheckpointSpecifier)
        /// No parent: a full checkpoint.
        case none
    }

    /// The options for comparing and storing pages.
    package struct PageOptions: Sendable {
        /// Whether pages with equal digests are also compared byte by byte.
        package var comparesBytes = false
        /// The compression of pages, tables and device state.
        package var compression = Compression.default
    }

    /// The result of a save.
    package struct Outcome: Sendable {
        /// The new checkpoint.
        package let checkpoint: Checkpoint
        /// The number of pages that are stored again because the parent's are damaged.
        package let replacedDamagedPageCount: Int
        /// The time for which a running guest was paused; nil if it was not paused.
        package let pauseDuration: Duration?
        /// What the retention policy has kept and deleted after the save, or why it could not be
        /// applied; nil without a policy.
        package let pruned: Result<PrunedGuest, SnapError>?
    }

    /// The guest's name in the store.
    package var guest: GuestName
    /// The source of the memory.
    package var input: Input
    /// The device-state files to keep, in order.
    package var deviceStates: [DeviceState] = []
    /// The choice of the parent.
    package var parent = Parent.newest
    /// The dirty bitmaps, by RAM block; a block without a bitmap is compared completely.
    ///
    /// A bitmap counts from one particular checkpoint, so `parent` must name a checkpoint.
    package var dirtyBitmaps: [DirtyBitmapFile] = []
    /// The options for comparing and storing pages.
    package var pageOptions = PageOptions()
    /// The maximum length of all device state together, in bytes.
    package var deviceStateByteCountMax = StreamReader.defaultKeptByteCountMax
    /// The user's label for the checkpoint.
    package var label: String?
    /// The policy by which old checkpoints of the guest are deleted after the save; nil for none.
    package var retention: RetentionPolicy?
    /// The drives of a running guest of which a snapshot is taken, by device or node name; empty
    /// for all writable ones, and nil for none.
    package var snapshotDrives: [String]?
    /// The command to run while a running guest is stopped; nil for none.
    package var pauseCommand: ShellCommand?
    /// Whether a guest that a killed save has left paused is resumed before the new save.
    package var resumesUnfinished = false

    /// Creates a save; all other options have defaults.
    ///
    /// - Parameters:
    ///   - input: The source of the memory.
    ///   - guest: The guest's name in the store.
    package init(_ input: Input, guest: GuestName) {
        self.input = input
        self.guest = guest
    }

    /// Takes the checkpoint.
    ///
    /// On failure the store's checkpoints are unchanged, and a guest that was running is resumed.
    /// If the guest cannot be resumed, this is an error even if the checkpoint is saved; the
    /// message then says so.
    /// If the index row cannot be written after the checkpoint is saved, this is only a warning,
    /// because the next save adds the row.
    ///
    /// With a retention policy, old checkpoints are deleted afterwards. If the save fails because
    /// the disk is full, the policy is applied to the existing checkpoints, and the save is tried
    /// once more.
    ///
    /// - Parameters:
    ///   - store: The store's directory, created if it does not exist.
    ///   - context: Supplies lock timeout and jobs; receives progress and warnings.
    ///   - stamp: The new checkpoint's id and time.
    /// - Returns: The new checkpoint, the time for which a running guest was paused, and what the
    ///   policy has deleted.
    /// - Throws: `.notFound`, `.permission`, `.mismatch` or `.inputDamaged` for an input; `.usage`
    ///   for options that do not fit the input; `.damaged` for the parent's files; `.busy`,
    ///   `.unsupported`, `.inputOutput` or `.interrupted`.
    package func run(
        in store: FilePath, _ context: WorkContext, stamp: CheckpointStamp = .now()
    ) throws(SnapError) -> Outcome {
        try SaveRun(of: self, in: store, context, stamp: stamp).run()
    }
}
