import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

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

    @Option(
        help: ArgumentHelp(
            "Save a running domain of libvirt; default of --guest: its name.",
            valueName: "domain"))
    var libvirt: String?

    @Flag(help: "Save each running domain of libvirt.")
    var libvirtAll = false

    @Option(
        help: ArgumentHelp(
            "The connection to libvirt; default: libvirt's own.", valueName: "uri"))
    var connect: String?

    @Option(
        help: ArgumentHelp(
            "With --libvirt-all: the guest name of a domain.", valueName: "domain=name"))
    var guestName: [String] = []

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
    var isGiven: Bool { inputs.contains(true) }

    /// For each option that selects running guests, whether it is used.
    var inputs: [Bool] { [qmp != nil, qmpDir != nil, libvirt != nil, libvirtAll] }

    /// Whether all guests of a directory or of libvirt are saved.
    var savesAll: Bool { qmpDir != nil || libvirtAll }

    func validate() throws {
        let needGuest = [
            ("--resume-stale", resumeStale), ("--live", live),
            ("--while-paused", whilePaused != nil), ("--snapshot-disks", snapshotDisks != nil),
        ]
        for (name, isUsed) in needGuest where isUsed && !isGiven {
            throw ValidationError(
                "\(name) needs --qmp, --qmp-dir, --libvirt or --libvirt-all")
        }
        if connect != nil && libvirt == nil && !libvirtAll {
            throw ValidationError("--connect needs --libvirt or --libvirt-all")
        }
        if !guestName.isEmpty && !libvirtAll {
            throw ValidationError("--guest-name needs --libvirt-all")
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

    /// How to connect to the only running guest; nil if another input is saved.
    var address: GuestAddress? {
        if let qmp { return .socket(FilePath(qmp)) }
        return libvirt.map { .domain($0, connection: connect) }
    }

    /// The names that the user has chosen for domains.
    ///
    /// - Returns: The names, by that of the domain.
    /// - Throws: `.usage` if an option or a name is not valid.
    func guestNames() throws(SnapError) -> [String: GuestName] {
        var names: [String: GuestName] = [:]
        for text in guestName {
            // A guest's name contains no =, but a domain's can.
            guard let equals = text.lastIndex(of: "="), equals != text.startIndex else {
                throw SnapError(.usage, "--guest-name is \"\(text)\", expected DOMAIN=NAME")
            }
            let name = try GuestName(
                checking: String(text[text.index(after: equals)...]), as: "guest")
            names[String(text[..<equals])] = name
        }
        return names
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
