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
            IMAGE is the raw memory of a guest that is paused, the file behind a QEMU \
            memory-backend-file, say; or a QEMU migration stream, which is told by its first \
            bytes; or -, such a stream on standard input. Several RAM blocks, each in a file of \
            its own, are given by --ram-block instead; --qmp does all of it for a running guest: \
            stop, device state, RAM, and on. The first checkpoint is full; each later \
            one stores what has changed since the newest, or since --parent. Zero pages cost \
            nothing, and holes of the image are not even read.

            EXAMPLES
              snap save /dev/shm/web1.mem --guest web1
              snap save web1.mem --guest web1 --device-state web1.vmstate --label nightly
              snap save web1.mig --guest web1
              snap save --qmp /run/web1.qmp --guest web1
              in QEMU's monitor: migrate "exec:snap save - --guest web1"
              snap save web1.mem --guest web1 --parent web1:3
              snap save web1.mem --guest web1 --parent web1:3 --dirty-bitmap web1.dirty

            EXIT STATUS
              0    saved
              1    the parent is damaged: --full shares nothing with it
              64   --dirty-bitmap without the --parent that it counts from
              65   the image shrank while it was read, a stream is damaged or cut short
              66   an input or the parent is not there
              74   I/O error, no space included
              75   another snap is saving this guest, or one that died has left it paused
              76   a form that cannot be read: a multifd channel, a disk image, a core
              78   the image's length does not fit, or the bitmap's
            """)

    @Argument(
        help: ArgumentHelp("The memory image.", valueName: "image"), completion: .file())
    var image: String?

    @Option(help: ArgumentHelp("Whose memory it is.", valueName: "name"), completion: .guests)
    var guest: String

    @Option(
        help: ArgumentHelp(
            "A raw file that is one of several RAM blocks, and where the guest sees it.",
            valueName: "name=path[@address]"))
    var ramBlock: [String] = []

    @Option(
        help: ArgumentHelp(
            "Save a running guest, which stands still meanwhile: the QMP socket of its QEMU.",
            valueName: "socket"), completion: .file())
    var qmp: String?

    @Flag(help: "First let a guest go on that a killed save has left paused.")
    var resumeStale = false

    @Option(help: ArgumentHelp("What IMAGE is, whatever its first bytes say.", valueName: "form"))
    var format: Format?

    @Option(
        help: ArgumentHelp(
            "A device-state file to keep with it, or the device-only stream of a raw image.",
            valueName: "[name=]path"), completion: .file())
    var deviceState: [String] = []

    @Option(
        help: ArgumentHelp(
            "How long the device state may be, with K, M, G or T behind it.", valueName: "size"))
    var deviceStateLimit = ByteCount(StreamReader.usualKeptByteCountMax)

    @Option(
        help: ArgumentHelp("Share with this checkpoint, not the newest.", valueName: "ref"),
        completion: .checkpoints)
    var parent: String?

    @Flag(help: "Share nothing.")
    var full = false

    @Option(
        help: ArgumentHelp(
            "The pages changed since --parent, one bit each; clean ones are not read.",
            valueName: "[name=]path"), completion: .file())
    var dirtyBitmap: [String] = []

    @Flag(help: "Believe no digest: compare with the parent's bytes.")
    var compareBytes = false

    @Option(
        help: ArgumentHelp(
            "0 stores, 1 to 3 are fast, 4 to 9 make it smaller.", valueName: "0-9"))
    var level = 1

    @Option(help: ArgumentHelp("Free text, shown by list.", valueName: "text"))
    var label: String?

    @OptionGroup var jobs: JobsOption
    @OptionGroup var common: CommonOptions

    private static let labelByteCountMax = 4096

    func validate() throws {
        guard CompressionLevel(level) != nil else {
            throw ValidationError("--level is \(level), expected 0 to 9")
        }
        if full && parent != nil {
            throw ValidationError("--full shares nothing, --parent names what to share with")
        }
        guard [image != nil, !ramBlock.isEmpty, qmp != nil].count(where: \.self) == 1 else {
            throw ValidationError("give one of IMAGE, --ram-block and --qmp")
        }
        if qmp != nil && !(dirtyBitmap.isEmpty && deviceState.isEmpty) {
            throw ValidationError(
                "--qmp asks QEMU for all it needs: no --device-state, no --dirty-bitmap")
        }
        if resumeStale && qmp == nil {
            throw ValidationError("--resume-stale is for --qmp")
        }
        if format == .raw && image == "-" {
            throw ValidationError("IMAGE is -: only a QEMU stream is read from a pipe")
        }
        if format != nil && image == nil {
            throw ValidationError("--format says what IMAGE is, and there is none")
        }
        if !dirtyBitmap.isEmpty && parent == nil {
            throw ValidationError(
                "--dirty-bitmap needs --parent: the checkpoint since which its bits are known")
        }
        if dirtyBitmap.contains("") { throw ValidationError("--dirty-bitmap is empty") }
        if let label, label.utf8.count > Self.labelByteCountMax {
            throw ValidationError(
                "--label has \(label.utf8.count) bytes, expected at most "
                    + "\(Self.labelByteCountMax)")
        }
    }

    func run() throws {
        let save = try save()
        let clock = ContinuousClock()
        let start = clock.now
        let store = try common.storePath()
        let outcome = try common.showingProgress(of: guest, jobs: jobs.count) {
            (context) throws(SnapError) in try save.run(in: store, context)
        }
        let saved = SavedCheckpoint(
            outcome: outcome, elapsed: clock.now - start, isLive: qmp != nil)
        if image == "-" {
            // QEMU has closed the standard output of what it executes.
            try? common.show(saved)
        } else {
            common.confirm(saved)
        }
    }

    private func save() throws(SnapError) -> Save {
        var save = Save(
            try input(), guest: try GuestName(checking: guest, as: "guest"))
        save.deviceStates = try deviceStates()
        if let parent {
            save.parent = .checkpoint(try CheckpointSpecifier(parsing: parent))
        } else if full {
            save.parent = .none
        }
        save.dirtyBitmaps = dirtyBitmap.map(Self.dirtyBitmapFile)
        save.pageOptions.comparesBytes = compareBytes
        save.pageOptions.compression = CompressionLevel(level) ?? .usual
        save.deviceStateByteCountMax = deviceStateLimit.value
        save.label = label
        save.resumesInterrupted = resumeStale
        return save
    }

    private func input() throws(SnapError) -> Save.Input {
        if image == "-" { return .standardInput }
        if let image { return .image(FilePath(image), format?.imageFormat) }
        if let qmp { return .runningGuest(FilePath(qmp)) }
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

    /// Reads `NAME=PATH[@ADDRESS]`; what follows the last @ is an address only if it is a number.
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

    /// Reads `[NAME=]PATH`, NAME being a RAM block's; what has a slash before the = is a path.
    private static func dirtyBitmapFile(_ text: String) -> Save.DirtyBitmapFile {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[0].contains("/") else {
            return Save.DirtyBitmapFile(blockName: nil, path: FilePath(text))
        }
        return Save.DirtyBitmapFile(
            blockName: String(parts[0]), path: FilePath(String(parts[1])))
    }

    /// Reads `[NAME=]PATH` of each; a path whose first part looks like a name is written `./…`.
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
                    hint: "--device-state NAME=PATH names each")
            }
            states.append(state)
        }
        return states
    }
}
