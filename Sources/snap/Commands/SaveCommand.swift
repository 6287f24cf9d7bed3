import ArgumentParser
import Codecs
import GuestMemory
import MigrationStream
import SnapEngine
import SnapSystem
import SystemPackage

/// `snap save`: take a checkpoint.
struct SaveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save",
        abstract: "Take a checkpoint of a guest's memory image.",
        discussion: """
            IMAGE is a raw memory file of a paused guest, for example the mem-path of QEMU's \
            memory-backend-file, a file that contains a QEMU migration stream, or a save file of \
            libvirt (virsh save), compressed or not; snap detects which. If IMAGE is -, snap \
            reads a stream from standard input. If the guest's RAM is in several files, give one \
            --ram-block for each. --qmp saves a running guest: snap pauses it, saves its device \
            state and RAM, and resumes it. With --live, QEMU stops the guest for a few \
            milliseconds only, at any size; when such a checkpoint is loaded, QEMU resumes the \
            guest, unless it is started with -S. --qmp-dir saves all running guests that have a \
            QMP socket in a directory; each is named after its socket. --libvirt and \
            --libvirt-all do the same for domains of libvirt on this machine, and also store \
            libvirt's description of the domain.

            The first checkpoint of a guest is full. Each later one stores only what changed since \
            the guest's newest checkpoint, or since --parent. Zero pages take no space.

            The --keep options delete old checkpoints of the guest after the save; see snap prune.

            EXAMPLES
              snap save /dev/shm/web1.mem --guest web1
              snap save web1.mem --guest web1 --device-state web1.vmstate --label nightly
              snap save web1.mig --guest web1
              snap save /var/lib/libvirt/qemu/save/web1.save --guest web1
              snap save --qmp /run/web1.qmp --guest web1
              snap save --qmp /run/web1.qmp --guest web1 --keep-last 12 --keep-daily 7
              snap save --qmp /run/web1.qmp --guest web1 --live
              snap save --qmp /run/web1.qmp --guest web1 --while-paused 'lvcreate -s -n s vg/web1'
              snap save --qmp-dir /run/guests --live --keep-last 12
              snap save --libvirt web1 --live
              snap save --libvirt-all --live --keep-last 12
              migrate "exec:snap save - --guest web1"    (in QEMU's monitor; then cont)
              snap save web1.mem --guest web1 --parent web1:3
              snap save web1.mem --guest web1 --parent web1:3 --dirty-bitmap web1.dirty

            EXIT STATUS
              0    saved
              1    the parent is damaged; use --full to save without it
              3    saved, but old checkpoints could not be deleted (--keep-…)
              4    some of the guests were not saved (--qmp-dir, --libvirt-all)
              64   the command line is wrong
              65   the image shrank while it was read, or the stream is damaged
              66   an input or the parent does not exist
              74   I/O error, such as a full disk, or QEMU refused a command
              75   the store or the QMP socket is in use, or the guest cannot be saved now
              76   the format is not supported, such as a multifd channel or a core dump
              77   permission denied
              78   the image or bitmap has the wrong length or is not usable
            """)

    @Argument(
        help: ArgumentHelp("The memory image or QEMU stream.", valueName: "image"),
        completion: .file())
    var image: String?

    @Option(help: ArgumentHelp("Your name for the guest.", valueName: "name"), completion: .guests)
    var guest: String?

    @Option(
        help: ArgumentHelp(
            "A file with the raw bytes of one RAM block, and the block's guest address.",
            valueName: "name=path[@address]"))
    var ramBlock: [String] = []

    @Option(help: ArgumentHelp("Format of IMAGE; default: detect it.", valueName: "format"))
    var format: ImageFormat?

    @Option(
        help: ArgumentHelp(
            "A file to keep as device state, such as a QEMU stream without RAM.",
            valueName: "[name=]path"), completion: .file())
    var deviceState: [String] = []

    @Option(
        help: ArgumentHelp(
            "Maximum size of the device state, such as 512M or 2G.", valueName: "size"))
    var deviceStateLimit = ByteCount(StreamReader.defaultKeptByteCountMax)

    @Option(
        help: ArgumentHelp(
            "Store changes since this checkpoint instead of the newest.", valueName: "ref"),
        completion: .checkpoints)
    var parent: String?

    @Flag(help: "Store all pages; share none with an earlier checkpoint.")
    var full = false

    @Option(
        help: ArgumentHelp(
            "A bitmap of pages that may have changed since --parent; others are not read.",
            valueName: "[name=]path"), completion: .file())
    var dirtyBitmap: [String] = []

    @Flag(help: "Compare pages and the parent's pages byte by byte, not by digest.")
    var compareBytes = false

    @Option(
        help: ArgumentHelp(
            "Compression: 0 none, 1 to 3 fast, 4 to 9 smaller but slow.", valueName: "0-9"))
    var level = 1

    @Option(
        help: ArgumentHelp(
            "Codec; default: $SNAP_CODEC, or zlib.", valueName: "codec"))
    var codec: CheckpointCodec?

    @Option(help: ArgumentHelp("Free text that snap list shows.", valueName: "text"))
    var label: String?

    @OptionGroup(title: "Running guests") var running: RunningGuestOptions
    @OptionGroup(title: "Retention") var keep: KeepOptions
    @OptionGroup var jobs: JobsOption
    @OptionGroup var common: CommonOptions

    private static let labelByteCountMax = 4096

    func validate() throws {
        guard CompressionLevel(level) != nil else {
            throw ValidationError("--level is \(level), expected 0 to 9")
        }
        if full && parent != nil {
            throw ValidationError("--full cannot be used with --parent")
        }
        let inputs = [image != nil, !ramBlock.isEmpty] + running.inputs
        guard inputs.count(where: \.self) == 1 else {
            throw ValidationError(
                "expected exactly one of IMAGE, --ram-block, --qmp, --qmp-dir, --libvirt and "
                    + "--libvirt-all")
        }
        if running.isGiven && !(dirtyBitmap.isEmpty && deviceState.isEmpty) {
            throw ValidationError(
                "a running guest cannot be saved with --device-state or --dirty-bitmap")
        }
        if guest == nil && running.libvirt == nil && !running.savesAll {
            throw ValidationError("Missing expected argument '--guest <name>'")
        }
        if running.savesAll && (guest != nil || parent != nil) {
            throw ValidationError(
                "--qmp-dir and --libvirt-all cannot be used with --guest or --parent")
        }
        if let format, format != .qemu, image == "-" {
            throw ValidationError(
                "--format \(format.rawValue) cannot be used when IMAGE is -")
        }
        if format != nil && image == nil {
            throw ValidationError("--format needs an IMAGE")
        }
        if !dirtyBitmap.isEmpty && parent == nil {
            throw ValidationError(
                "--dirty-bitmap needs --parent, the checkpoint that its bits count from")
        }
        if dirtyBitmap.contains("") { throw ValidationError("--dirty-bitmap is empty") }
        if let label, label.utf8.count > Self.labelByteCountMax {
            throw ValidationError(
                "--label has \(label.utf8.count) bytes, expected at most "
                    + "\(Self.labelByteCountMax)")
        }
    }

    func run() throws {
        if let directory = running.qmpDir {
            return try save(try FoundGuest.all(in: FilePath(directory), .kernel))
        }
        if running.libvirtAll {
            return try save(try FoundGuest.all(inLibvirt: running.connect))
        }
        let name = try GuestName(checking: guest ?? running.libvirt ?? "", as: "guest")
        let saved = try take(try save(try input(), of: name))
        if image == "-" {
            // QEMU runs an exec: command with standard output closed, so a failure is ignored.
            try? common.show(saved)
        } else {
            common.confirm(saved)
        }
        if let error = saved.pruneError { throw error }
    }

    /// Takes a checkpoint, and shows the progress.
    ///
    /// - Parameter save: The save.
    /// - Returns: The checkpoint and the time that it took.
    /// - Throws: As `Save.run`.
    func take(_ save: Save) throws(SnapError) -> SavedCheckpoint {
        let clock = ContinuousClock()
        let start = clock.now
        let store = try common.storePath()
        let outcome = try common.showingProgress(of: save.guest.description, jobs: jobs.count) {
            (context) throws(SnapError) in try save.run(in: store, context)
        }
        return SavedCheckpoint(
            outcome: outcome, elapsed: clock.now - start, isRunningGuest: running.isGiven)
    }

    /// Describes the save that the options ask for.
    ///
    /// - Parameters:
    ///   - input: The source of the memory.
    ///   - guest: The guest's name in the store.
    /// - Returns: The save.
    /// - Throws: `.usage` if an option is not valid.
    func save(_ input: Save.Input, of guest: GuestName) throws(SnapError) -> Save {
        var save = Save(input, guest: guest)
        save.deviceStates = try deviceStates()
        if let parent {
            save.parent = .checkpoint(try CheckpointSpecifier(parsing: parent))
        } else if full {
            save.parent = .none
        }
        save.dirtyBitmaps = dirtyBitmap.map(Self.dirtyBitmapFile)
        save.pageOptions.comparesBytes = compareBytes
        save.pageOptions.compression = Compression(
            try chosenCodec(), CompressionLevel(level) ?? .default)
        save.deviceStateByteCountMax = deviceStateLimit.value
        save.label = label
        let retention = keep.policy
        save.retention = retention.isEmpty ? nil : retention
        save.snapshotDrives = running.snapshotDrives
        save.pauseCommand = running.pauseCommand
        save.resumesUnfinished = running.resumeStale
        return save
    }

    private func chosenCodec() throws(SnapError) -> CheckpointCodec {
        if let codec { return codec }
        return try CheckpointCodec.inEnvironment() ?? .zlib
    }

    private func input() throws(SnapError) -> Save.Input {
        if image == "-" { return .standardInput }
        if let image { return .image(FilePath(image), format) }
        if let address = running.address { return .runningGuest(address, running.mode) }
        var files: [Save.RAMBlockFile] = []
        for text in ramBlock {
            let file = try Self.ramBlockFile(text)
            guard !files.contains(where: { $0.name == file.name }) else {
                throw SnapError(.usage, "RAM block \(file.name) is given twice")
            }
            files.append(file)
        }
        return .blocks(files)
    }

    /// Parses `NAME=PATH[@ADDRESS]`.
    ///
    /// The text after the last @ is an address only if it is a number; if not, it is part of PATH.
    private static func ramBlockFile(_ text: String) throws(SnapError) -> Save.RAMBlockFile {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, RAMBlock.isName(parts[0]), !parts[1].isEmpty else {
            throw SnapError(
                .usage,
                "--ram-block is \"\(text)\", expected NAME=PATH[@ADDRESS] with a name of "
                    + "1 to \(RAMBlock.nameByteCountMax) printable characters")
        }
        var path = parts[1]
        var address: UInt64?
        if let at = path.lastIndex(of: "@") {
            let digits = path[path.index(after: at)...]
            address =
                digits.hasPrefix("0x") ? UInt64(digits.dropFirst(2), radix: 16) : UInt64(digits)
            if address != nil { path = path[..<at] }
        }
        return Save.RAMBlockFile(
            name: String(parts[0]), path: FilePath(String(path)), guestPhysicalAddress: address)
    }

    /// Parses `[NAME=]PATH`, where NAME is the name of a RAM block.
    ///
    /// If there is a slash before the =, the complete text is a path.
    private static func dirtyBitmapFile(_ text: String) -> Save.DirtyBitmapFile {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[0].contains("/") else {
            return Save.DirtyBitmapFile(blockName: nil, path: FilePath(text))
        }
        return Save.DirtyBitmapFile(
            blockName: String(parts[0]), path: FilePath(String(parts[1])))
    }

    /// Parses the `[NAME=]PATH` of each --device-state; the default NAME is the file's name.
    ///
    /// A path that contains = after a valid name must be given as `./…`.
    private func deviceStates() throws(SnapError) -> [Save.DeviceState] {
        var states: [Save.DeviceState] = []
        for text in deviceState {
            let state: Save.DeviceState
            if let equals = text.firstIndex(of: "="), let name = GuestName(text[..<equals]) {
                let path = text[text.index(after: equals)...]
                state = Save.DeviceState(name: name, path: FilePath(String(path)))
            } else {
                let path = FilePath(text)
                let name = try GuestName(
                    checking: path.lastComponent?.string ?? "", as: "device section")
                state = Save.DeviceState(name: name, path: path)
            }
            guard !states.contains(where: { $0.name == state.name }) else {
                throw SnapError(
                    .usage, "device section \(state.name) is given twice",
                    hint: "use --device-state NAME=PATH to name each")
            }
            states.append(state)
        }
        return states
    }
}
