import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// `snap status`: show how old the newest checkpoints are, and the condition of the store.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the age of each guest's newest checkpoint, disk use, and known damage.",
        discussion: """
            COUNT is the number of checkpoints, DISK the disk use of all files of the guest. \
            UNNEEDED is the space of deleted checkpoints that the last deletion found and left. \
            VERIFIED is the time of the oldest verification of a file, and the number of files \
            that were never verified. DAMAGED is the number of checkpoints that cannot be \
            restored completely, according to the last verification.

            With --max-age, the exit status is 2 if the newest checkpoint of a guest is older. \
            --format prometheus prints metrics for the textfile collector of node_exporter; \
            --output writes them to a file, which is replaced by a rename. A span is written like \
            90s, 20m, 36h, 7d. --quiet prints only the names of guests whose newest checkpoint is \
            too old.

            EXAMPLES
              snap status
              snap status --max-age 20m --ignore-guest 'test-*' --quiet
              snap status --format prometheus --output /var/lib/node_exporter/snap.prom

            EXIT STATUS
              0    shown
              1    the index is damaged; run snap reindex to rebuild it
              2    the newest checkpoint of a guest is older than --max-age
              66   there is no store, or no such guest
            """)

    /// The formats of the output.
    enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
        case text
        case prometheus
    }

    @Option(help: ArgumentHelp("Show only this guest.", valueName: "name"), completion: .guests)
    var guest: String?

    @Option(
        help: ArgumentHelp(
            "End with status 2 if a guest's newest checkpoint is older.", valueName: "span"))
    var maxAge: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "Leave out the guests whose names match, such as 'test-*'.", valueName: "pattern"))
    var ignoreGuest: [String] = []

    @Option(help: ArgumentHelp("Format of the output.", valueName: "format"))
    var format = OutputFormat.text

    @Option(
        help: ArgumentHelp("The file to write metrics to.", valueName: "path"),
        completion: .file())
    var output: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if output?.isEmpty ?? false { throw ValidationError("the output's name is empty") }
        if output != nil && format != .prometheus {
            throw ValidationError("--output needs --format prometheus")
        }
        if format == .prometheus && (common.json || common.quiet) {
            throw ValidationError("--format prometheus cannot be used with --json or --quiet")
        }
        if guest != nil && !ignoreGuest.isEmpty {
            throw ValidationError("--ignore-guest cannot be used with --guest")
        }
    }

    func run() throws {
        var status = Status(try guest.map { try GuestName(checking: $0, as: "guest") })
        status.ignored = ignoreGuest.map { GlobPattern($0) }
        status.oldestAllowed = maxAge?.before(.now)
        let store = try common.storePath()
        let found = try status.run(in: store, common.context())
        switch format {
        case .text: try common.show(ShownStatus(status: found, store: store))
        case .prometheus: try write(PrometheusMetrics(found).text)
        }
        let tooOld = found.guests.filter(\.isTooOld)
        guard let maxAge, !tooOld.isEmpty else { return }
        let names = tooOld.map { guest in
            guest.newest.map { "\($0.name) (\($0.createdAt.rfc3339))" }
                ?? "\(guest.name) without checkpoints"
        }
        throw SnapError(
            .tooOld,
            "the newest checkpoint of \(tooOld.count.counted("guest")) is older than \(maxAge): "
                + names.joined(separator: ", "), path: store)
    }

    private func write(_ text: String) throws {
        guard let output else { return try Console.result(text) }
        let (directory, name) = try Directory.holding(FilePath(output), .kernel)
        let file = try OutputFile(name, in: directory, isForced: true, isPublic: true)
        try Array(text.utf8).withBytes { (bytes) throws(SnapError) in
            try file.write(bytes, at: 0)
        }
        try file.publish(isSynchronized: false)
    }
}
