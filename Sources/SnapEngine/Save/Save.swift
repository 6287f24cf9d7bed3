// SnapEngine
//
// What snap does, one folder for each operation: a value of what the user asks for, with one `run`
// that gets the store and a `WorkContext`. It imports the parts below it, but not QEMUMonitor. No
// operation uses another's folder, except that Summarize uses Map. Start with List in Inspect, the
// smallest, or here.

// snap save: what has changed in a memory image since its parent becomes a checkpoint.
//
//     unit ─ read once ─ zero? ─ digest ─ parent's? │ in order: duplicates │ delta or literal ─
//     clusters ─ compress │ in order: append the group ─ the table, when its subtree ends │
//     trailer ─ fsync ─ name ─ index row
//
// The folders follow it: Input (what is saved), Parent (what it is compared with), Units (the work
// on each 2 MiB), Output (the files, and the commit). `SaveRun` goes from the inputs to the index
// row; its middle, in which the units are read and stored, is `SavePipeline`.

import CheckpointStore
package import Codecs
package import GuestMemory
package import MigrationStream
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Takes a checkpoint of a guest's memory: what the user asks for.
package struct Save: Sendable {
    /// A device-state file to keep with the checkpoint.
    package struct DeviceState: Sendable, Equatable {
        /// The name of its section.
        package let name: GuestName
        /// Where it is.
        package let path: FilePath

        /// Names a file; the parameters are the properties.
        package init(name: GuestName, path: FilePath) {
            self.name = name
            self.path = path
        }
    }

    /// Where the memory is.
    package enum Input: Sendable {
        /// In a file; its form is detected from its first bytes, unless it is given.
        case image(FilePath, ImageFormat?)
        /// In a QEMU stream on standard input.
        case standardInput
        /// In raw files, one for each RAM block.
        case blocks([RAMBlockFile])
        /// In a running guest, whose QMP socket this is.
        case runningGuest(FilePath)
    }

    /// A raw file that is a RAM block.
    package struct RAMBlockFile: Sendable, Equatable {
        /// The block's name.
        package let name: String
        /// Where its bytes are.
        package let path: FilePath
        /// Where the guest sees it, if known.
        package let guestPhysicalAddress: UInt64?

        /// Names a file; the parameters are the properties.
        package init(name: String, path: FilePath, guestPhysicalAddress: UInt64?) {
            self.name = name
            self.path = path
            self.guestPhysicalAddress = guestPhysicalAddress
        }
    }

    /// Which pages of a RAM block may differ from the parent's.
    package struct DirtyBitmapFile: Sendable, Equatable {
        /// The block's name; nil for the only one.
        package let blockName: String?
        /// Where the bitmap is.
        package let path: FilePath

        /// Names a file; the parameters are the properties.
        package init(blockName: String?, path: FilePath) {
            self.blockName = blockName
            self.path = path
        }
    }

    /// What the new checkpoint shares pages with.
    package enum Parent: Sendable {
        /// The guest's newest checkpoint, if it fits.
        case newest
        /// This checkpoint, which must fit.
        case checkpoint(CheckpointSpecifier)
        /// Nothing.
        case none
    }

    /// How pages are compared and stored.
    package struct PageOptions: Sendable {
        /// Whether the bytes of pages are compared too, not only their digests.
        package var comparesBytes = false
        /// How hard to compress.
        package var compression = CompressionLevel.usual
    }

    /// What a save has done.
    package struct Outcome: Sendable {
        /// The new checkpoint.
        package let checkpoint: Checkpoint
        /// How long a running guest was paused for it; nil if it was not.
        package let pauseDuration: Duration?
    }

    /// The guest.
    package var guest: GuestName
    /// Where its memory is.
    package var input: Input
    /// Device-state files, in order.
    package var deviceStates: [DeviceState] = []
    /// What to share pages with.
    package var parent = Parent.newest
    /// The pages that may differ from the parent, which must then be named; blocks without a
    /// bitmap are compared whole.
    package var dirtyBitmaps: [DirtyBitmapFile] = []
    /// How to compare and store pages.
    package var pageOptions = PageOptions()
    /// How long all device state may be, in bytes.
    package var deviceStateByteCountMax = StreamReader.usualKeptByteCountMax
    /// The user's words for it.
    package var label: String?
    /// Whether a guest that a killed save has left paused is resumed first.
    package var resumesInterrupted = false

    /// Prepares to save; everything else has a default.
    ///
    /// - Parameters:
    ///   - input: Where the memory is.
    ///   - guest: The guest.
    package init(_ input: Input, guest: GuestName) {
        self.input = input
        self.guest = guest
    }

    /// Takes the checkpoint.
    ///
    /// On failure the store's checkpoints are what they were, and a guest that was running runs.
    /// An index row that cannot be written after the checkpoint is safe is a warning: the next
    /// save adopts the file.
    ///
    /// - Parameters:
    ///   - store: The store's directory; made if it is not there.
    ///   - context: How to run.
    ///   - stamp: The new checkpoint's id and time.
    /// - Returns: The new checkpoint, and how long a running guest was paused.
    /// - Throws: By code: `.notFound`, `.permission`, `.mismatch` or `.inputDamaged` for an input;
    ///   `.busy`; `.damaged` for the parent's files; `.unsupported`; `.inputOutput`;
    ///   `.interrupted`.
    package func run(
        in store: FilePath, _ context: WorkContext, stamp: CheckpointStamp = .now()
    ) throws(SnapError) -> Outcome {
        try SaveRun(of: self, in: store, context, stamp: stamp).run()
    }
}
