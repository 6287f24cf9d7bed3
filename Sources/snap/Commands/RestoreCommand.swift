import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// `snap restore`: restore a checkpoint's memory image.
struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Restore a checkpoint's memory image, byte for byte.",
        discussion: """
            OUTPUT is a new file, which appears under its name only when it is complete; zero \
            pages become holes. If OUTPUT is -, the memory is written to standard output. \
            --in-place updates an existing file and writes only the pages that differ; do not use \
            it while QEMU runs the guest from that file. Several RAM blocks are written one after \
            another; --ram-block selects one. --format qemu writes one stream that QEMU loads with \
            -incoming; the checkpoint must have QEMU's device state, as after save --qmp or a save \
            of a stream. --format libvirt writes a file for virsh restore; the checkpoint must \
            have libvirt's description of the domain, as after save --libvirt, or --xml names a \
            file with it. The digest of every page is checked before the page is written. \
            --skip-damaged writes all pages that are intact, leaves holes in the place of the \
            others, lists them, and ends with status 1.

            EXAMPLES
              snap restore web1@latest web1.mem
              snap restore web1:7 web1.mem --device-state web1.vmstate
              snap restore web1:7 /dev/shm/web1.mem --in-place
              snap restore web1:7 - | strings | less
              qemu-system-x86_64 ... -incoming "exec:snap restore web1:7 - --format qemu"
              snap restore web1:7 web1.save --format libvirt

            EXIT STATUS
              0    restored
              1    the store is damaged; with --skip-damaged, something is missing in OUTPUT
              66   there is no such checkpoint, RAM block or device state
              73   the output exists or cannot be created
              74   I/O error, such as a full disk
              78   the output for --in-place is missing or has the wrong length
            """)

    @Argument(
        help: ArgumentHelp("The checkpoint.", valueName: "ref"), completion: .checkpoints)
    var checkpoint: String

    @Argument(
        help: ArgumentHelp("The memory file to write.", valueName: "output"),
        completion: .file())
    var output: String

    @Option(
        help: ArgumentHelp(
            "Format of OUTPUT: raw memory, a QEMU stream, or a libvirt save file.",
            valueName: "format"))
    var format = OutputFormat.raw

    @Option(
        help: ArgumentHelp(
            "With --format libvirt: the domain's XML, instead of the checkpoint's.",
            valueName: "file"), completion: .file())
    var xml: String?

    @Option(help: ArgumentHelp("Restore only this RAM block.", valueName: "name"))
    var ramBlock: String?

    @Option(
        help: ArgumentHelp(
            "Also write the device state: to a file, or several files into a directory.",
            valueName: "path"), completion: .file())
    var deviceState: String?

    @Flag(help: "Update an existing memory file; write only the pages that differ.")
    var inPlace = false

    @Flag(
        help: """
            Replace existing regular files, and keep owner and mode if that is safe; with \
            --in-place, only device-state files.
            """)
    var force = false

    @Flag(help: "Flush the output to disk before renaming it into place.")
    var sync = false

    @Flag(help: "Skip what is damaged: restore and list the rest, and end with status 1.")
    var skipDamaged = false

    @OptionGroup var jobs: JobsOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if output.isEmpty || deviceState?.isEmpty ?? false {
            throw ValidationError("the name of an output is empty")
        }
        if format != .raw && (inPlace || ramBlock != nil) {
            throw ValidationError(
                "--format \(format.rawValue) writes all RAM blocks as one stream; it cannot be "
                    + "used with --in-place or --ram-block")
        }
        if skipDamaged && (inPlace || format != .raw) {
            throw ValidationError(
                "--skip-damaged cannot be used with --in-place, --format qemu or --format libvirt")
        }
        if xml != nil && format != .libvirt {
            throw ValidationError("--xml needs --format libvirt")
        }
        if inPlace && output == "-" {
            throw ValidationError("--in-place cannot be used when OUTPUT is -")
        }
        if inPlace && force && deviceState == nil {
            throw ValidationError("--in-place with --force needs --device-state")
        }
        if output == "-" && common.json {
            throw ValidationError("--json cannot be used when OUTPUT is -")
        }
    }

    func run() throws {
        var restore = Restore(
            try CheckpointSpecifier(parsing: checkpoint),
            to: output == "-"
                ? .standardOutput : inPlace ? .inPlace(FilePath(output)) : .file(FilePath(output)))
        switch format {
        case .raw: if let ramBlock { restore.form = .block(ramBlock) }
        case .qemu: restore.form = .stream
        case .libvirt: restore.form = .libvirt(xml.map { FilePath($0) })
        }
        restore.deviceState = deviceState.map { FilePath($0) }
        restore.isForced = force
        restore.isSynchronized = sync
        restore.skipsDamaged = skipDamaged
        let clock = ContinuousClock()
        let start = clock.now
        let store = try common.storePath()
        let outcome = try common.showingProgress(of: checkpoint, jobs: jobs.count) {
            (context) throws(SnapError) in try restore.run(in: store, context)
        }
        if !common.json { for error in outcome.damage { Console.damage(error) } }
        if output != "-" {
            common.confirm(
                RestoredCheckpoint(
                    outcome: outcome, output: output, elapsed: clock.now - start,
                    skipsDamaged: skipDamaged))
        }
        if outcome.damage.isEmpty { return }
        let count = outcome.losses.reduce(0) { $0 + $1.pageCount }
        throw SnapError(
            .damaged,
            "\(count.counted("page")) of \(outcome.checkpoint.name) "
                + "\(outcome.isDeviceStateLost ? "and its device state " : "")"
                + "are damaged and missing in the output", path: FilePath(output))
    }
}
