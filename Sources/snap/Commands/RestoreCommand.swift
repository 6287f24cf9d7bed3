import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// `snap restore`: write the memory image back.
struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Write a checkpoint's memory image back, byte for byte.",
        discussion: """
            OUTPUT appears under its name only when it is whole; zero pages are holes. - is \
            standard output. With --in-place OUTPUT is there already, and only pages that differ \
            are written. Several RAM blocks are written one after the other, unless --ram-block \
            names one. --format qemu writes one stream that QEMU resumes with -incoming, if the \
            checkpoint has QEMU's device state. Every page's digest is checked on the way.

            EXAMPLES
              snap restore web1@latest /dev/shm/web1.mem
              snap restore web1:7 web1.mem --device-state web1.vmstate
              snap restore web1:7 /dev/shm/web1.mem --in-place
              snap restore web1:7 - | strings | less
              qemu-system-x86_64 ... -incoming "exec:snap restore web1:7 - --format qemu"

            EXIT STATUS
              0    restored
              1    the store is damaged
              66   no such checkpoint or RAM block, or it has no device state
              73   the output exists or can't be made
              74   I/O error, no space included
              78   the output of --in-place is not there, or of another length
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
            "What OUTPUT becomes: raw memory, or one QEMU stream.", valueName: "form"))
    var format = Format.raw

    @Option(help: ArgumentHelp("Only this RAM block.", valueName: "name"))
    var ramBlock: String?

    @Option(
        help: ArgumentHelp(
            "Also write the device state: a file, or a directory for several.",
            valueName: "path"), completion: .file())
    var deviceState: String?

    @Flag(help: "Update an existing memory file: write only the pages that differ.")
    var inPlace = false

    @Flag(
        help: """
            Replace existing regular files, keeping owner and mode; in place, those of the device \
            state.
            """)
    var force = false

    @Flag(help: "Have the output on the disk before it gets its name.")
    var sync = false

    @OptionGroup var jobs: JobsOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if output.isEmpty || deviceState?.isEmpty ?? false {
            throw ValidationError("an output's name is empty")
        }
        if format == .qemu && (inPlace || ramBlock != nil) {
            throw ValidationError(
                "--format qemu writes a whole stream, --in-place and --ram-block do not"
            )
        }
        if inPlace && output == "-" {
            throw ValidationError("--in-place updates a file, - is standard output")
        }
        if inPlace && force && deviceState == nil {
            throw ValidationError("--force replaces a file, --in-place updates it")
        }
        if output == "-" && common.json {
            throw ValidationError("--json and the memory cannot share standard output")
        }
    }

    func run() throws {
        var restore = Restore(
            try CheckpointSpecifier(parsing: checkpoint),
            to: output == "-"
                ? .standardOutput : inPlace ? .inPlace(FilePath(output)) : .file(FilePath(output)))
        if format == .qemu { restore.form = .stream }
        if let ramBlock { restore.form = .block(ramBlock) }
        restore.deviceState = deviceState.map { FilePath($0) }
        restore.isForced = force
        restore.isSynchronized = sync
        let clock = ContinuousClock()
        let start = clock.now
        let store = try common.storePath()
        let outcome = try common.showingProgress(of: checkpoint, jobs: jobs.count) {
            (context) throws(SnapError) in try restore.run(in: store, context)
        }
        if output == "-" { return }
        common.confirm(
            RestoredCheckpoint(outcome: outcome, output: output, elapsed: clock.now - start))
    }
}
