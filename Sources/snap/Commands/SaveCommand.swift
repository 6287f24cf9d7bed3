import ArgumentParser
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
        guard (0...9).contains(level) else {
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
        var save = Save(
            try source(), guest: try GuestName(checking: guest, as: "guest"))
        save.deviceStates = try deviceStates()
        if let parent {
            save.parent = .checkpoint(try CheckpointReference(parsing: parent))
        } else if full {
            save.parent = .none
        }
        save.dirtyBitmaps = dirtyBitmap.map(Self.dirtyBitmapFile)
        save.comparesBytes = compareBytes
        save.level = level
        save.label = label
        save.resumesStale = resumeStale
        save.jobs = jobs.count
        save.patience = common.patience
        let clock = ContinuousClock()
        let start = clock.now
        let store = try common.storePath()
        let outcome = try common.showingProgress(of: guest) { (progress) throws(SnapError) in
            save.progress = progress
            return try save.run(in: store, .kernel, warn: Report.warning)
        }
        let checkpoint = outcome.checkpoint
        let elapsed = clock.now - start
        if common.quiet && !common.json { return }
        let text =
            common.json
            ? json(outcome, elapsed)
            : checkpoint.savedLine(elapsed, standstill: outcome.standstill)
        if image == "-" {
            // QEMU has closed the standard output of what it executes.
            try? Report.result(text)
        } else {
            Report.done(text)
        }
    }

    private func json(_ outcome: Save.Outcome, _ elapsed: Duration) -> String {
        var json = JSONWriter()
        json.object { json in
            outcome.checkpoint.writeFields(&json)
            json.field("elapsedSeconds", elapsed)
            if qmp != nil { json.field("standstillSeconds", outcome.standstill) }
        }
        return json.text + "\n"
    }

    private func source() throws(SnapError) -> Save.Source {
        if image == "-" { return .standardInput }
        if let image { return .image(FilePath(image), format?.imageFormat) }
        if let qmp { return .monitor(FilePath(qmp)) }
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
        guard let equals = text.firstIndex(of: "="), case let name = text[..<equals],
            RAMBlock.isName(name), case var path = text[text.index(after: equals)...],
            !path.isEmpty
        else {
            throw SnapError(
                .usage,
                "--ram-block is \"\(text)\", expected NAME=PATH[@ADDRESS] with a name of "
                    + "1 to \(RAMBlock.nameByteCountMax) printable characters")
        }
        var address: UInt64?
        if let at = path.lastIndex(of: "@"), case let digits = path[path.index(after: at)...],
            let number = digits.hasPrefix("0x")
                ? UInt64(digits.dropFirst(2), radix: 16) : UInt64(digits)
        {
            address = number
            path = path[..<at]
        }
        return Save.RAMBlockFile(
            name: String(name), path: FilePath(String(path)), guestPhysicalAddress: address)
    }

    /// Reads `[NAME=]PATH`, NAME being a RAM block's; what has a slash before the = is a path.
    private static func dirtyBitmapFile(_ text: String) -> Save.DirtyBitmapFile {
        guard let equals = text.firstIndex(of: "="), case let name = text[..<equals],
            !name.isEmpty, !name.contains("/")
        else { return Save.DirtyBitmapFile(blockName: nil, path: FilePath(text)) }
        return Save.DirtyBitmapFile(
            blockName: String(name), path: FilePath(String(text[text.index(after: equals)...])))
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

/// The forms of a memory image that can be asked for.
enum Format: String, ExpressibleByArgument, CaseIterable {
    case raw
    case qemu

    /// The form, as the engine calls it.
    var imageFormat: ImageFormat {
        switch self {
        case .raw: .raw
        case .qemu: .stream
        }
    }
}
