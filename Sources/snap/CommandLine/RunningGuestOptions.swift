import ArgumentParser
import SnapEngine
import SnapSystem

/// The options with which `snap save` saves running guests.
struct RunningGuestOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Save a running guest through its QMP socket, pausing it briefly.",
            valueName: "socket"), completion: .file())
    var qmp: String?

    @Option(
        help: ArgumentHelp(
            "Save each running guest that has a QMP socket in a directory.", valueName: "dir"),
        completion: .directory)
    var qmpDir: String?

    @Flag(help: "Save the guest while it runs on, also if its RAM is in no shared file.")
    var live = false

    @Option(
        help: ArgumentHelp(
            "How long --live waits for more of the RAM; default 30.", valueName: "seconds"))
    var liveTimeout: Int?

    @Option(
        help: ArgumentHelp(
            "A shell command to run while the guest is stopped.", valueName: "command"))
    var whilePaused: String?

    @Option(
        help: ArgumentHelp(
            "How long the command of --while-paused may take; default 10.", valueName: "seconds"))
    var whilePausedTimeout: Int?

    @Option(
        defaultAsFlag: "", parsing: .next,
        help: ArgumentHelp(
            "Also take an internal snapshot of each writable qcow2 drive, or of these.",
            valueName: "drive,…"))
    var snapshotDisks: String?

    @Flag(help: "First resume a guest that a killed save left paused.")
    var resumeStale = false

    /// The longest timeout in seconds.
    private static let timeoutMax = 86_400

    /// Whether running guests are saved.
    var isGiven: Bool { qmp != nil || qmpDir != nil }

    func validate() throws {
        let needSocket = [
            ("--resume-stale", resumeStale), ("--live", live),
            ("--while-paused", whilePaused != nil), ("--snapshot-disks", snapshotDisks != nil),
        ]
        for (name, isUsed) in needSocket where isUsed && !isGiven {
            throw ValidationError("\(name) needs --qmp or --qmp-dir")
        }
        if let snapshotDisks, !snapshotDisks.isEmpty, snapshotDrives?.isEmpty ?? true {
            throw ValidationError("--snapshot-disks is \"\(snapshotDisks)\", expected DRIVE,…")
        }
        if liveTimeout != nil && !live { throw ValidationError("--live-timeout needs --live") }
        if whilePausedTimeout != nil && whilePaused == nil {
            throw ValidationError("--while-paused-timeout needs --while-paused")
        }
        for (name, seconds) in [
            ("--live-timeout", liveTimeout), ("--while-paused-timeout", whilePausedTimeout),
        ] {
            if let seconds, !(1...Self.timeoutMax).contains(seconds) {
                throw ValidationError("\(name) is \(seconds), expected 1 to \(Self.timeoutMax)")
            }
        }
    }

    /// The drives of which snapshots are taken; empty for all writable ones, and nil for none.
    var snapshotDrives: [String]? {
        snapshotDisks.map { $0.split(separator: ",").map(String.init) }
    }

    /// How the guest is saved.
    var mode: Save.RunningGuestMode {
        live ? .live(timeout: .seconds(liveTimeout ?? 30)) : .paused
    }

    /// What to run while the guest is stopped.
    var pauseCommand: ShellCommand? {
        whilePaused.map { ShellCommand($0, timeout: .seconds(whilePausedTimeout ?? 10)) }
    }
}
