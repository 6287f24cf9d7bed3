import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// `snap save`: take a checkpoint.
struct SaveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save",
        abstract: "Take a checkpoint of a guest's memory image.",
        discussion: """
            IMAGE is the raw memory of a guest that is paused: the file behind a QEMU \
            memory-backend-file, say. The first checkpoint is full; each later one stores what \
            has changed since the newest, or since --parent. Zero pages cost nothing, and holes \
            of the image are not even read.

            EXAMPLES
              snap save /dev/shm/web1.mem --guest web1
              snap save web1.mem --guest web1 --device-state web1.vmstate --label nightly
              snap save web1.mem --guest web1 --parent web1:3
              snap save web1.mem --guest web1 --parent web1:3 --dirty-bitmap web1.dirty

            EXIT STATUS
              0    saved
              1    the parent is damaged: --full shares nothing with it
              64   --dirty-bitmap without the --parent that it counts from
              65   the image shrank while it was read
              66   an input or the parent is not there
              74   I/O error, no space included
              75   another snap is saving this guest
              78   the image's length does not fit, or the bitmap's
            """)

    @Argument(help: ArgumentHelp("The memory image.", valueName: "image"))
    var image: String

    @Option(help: ArgumentHelp("Whose memory it is.", valueName: "name"))
    var guest: String

    @Option(
        help: ArgumentHelp(
            "A device-state file to keep with it; may be repeated.", valueName: "[name=]path"))
    var deviceState: [String] = []

    @Option(help: ArgumentHelp("Share with this checkpoint, not the newest.", valueName: "ref"))
    var parent: String?

    @Flag(help: "Share nothing.")
    var full = false

    @Option(
        help: ArgumentHelp(
            "The pages changed since --parent, one bit each; clean ones are not read.",
            valueName: "[name=]path"))
    var dirtyBitmap: String?

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
        if dirtyBitmap != nil && parent == nil {
            throw ValidationError(
                "--dirty-bitmap needs --parent: the checkpoint since which its bits are known")
        }
        if dirtyBitmap?.isEmpty ?? false { throw ValidationError("--dirty-bitmap is empty") }
        if let label, label.utf8.count > Self.labelByteCountMax {
            throw ValidationError(
                "--label has \(label.utf8.count) bytes, expected at most "
                    + "\(Self.labelByteCountMax)")
        }
        if image == "-" {
            throw ValidationError("IMAGE is -: only a memory image in a file can be saved")
        }
    }

    func run() throws {
        var save = Save(
            FilePath(image), guest: try GuestName(checking: guest, as: "guest"))
        save.deviceStates = try deviceStates()
        if let parent {
            save.parent = .checkpoint(try CheckpointReference(parsing: parent))
        } else if full {
            save.parent = .none
        }
        save.dirtyBitmap = try dirtyBitmapPath()
        save.comparesBytes = compareBytes
        save.level = level
        save.label = label
        save.jobs = jobs.count
        save.patience = common.patience
        let clock = ContinuousClock()
        let start = clock.now
        let checkpoint = try save.run(
            in: common.storePath(), .kernel, warn: Report.warning)
        let elapsed = clock.now - start
        if common.json {
            var json = JSONWriter()
            json.object { json in
                checkpoint.writeFields(&json)
                json.field("elapsedSeconds", elapsed)
            }
            Report.done(json.text + "\n")
        } else if !common.quiet {
            Report.done(checkpoint.savedLine(elapsed))
        }
    }

    /// Reads `[NAME=]PATH`, NAME being a RAM block's; a raw image's only block has none.
    private func dirtyBitmapPath() throws(SnapError) -> FilePath? {
        guard let dirtyBitmap else { return nil }
        if let equals = dirtyBitmap.firstIndex(of: "="),
            case let name = dirtyBitmap[..<equals], !name.isEmpty, !name.contains("/")
        {
            throw SnapError(
                .usage, "a raw image has no RAM block \"\(name)\"",
                hint: "a path with = in it is written ./\(dirtyBitmap)")
        }
        return FilePath(dirtyBitmap)
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
