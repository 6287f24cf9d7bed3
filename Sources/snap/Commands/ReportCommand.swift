import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// `snap report`: an HTML report on the store.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write an HTML report: checkpoints over time, sizes, maps of memory.",
        discussion: """
            The report is one HTML file; it has no scripts, and loads nothing from a network. It \
            shows the store's totals and, for each guest, its checkpoints over time and a map of \
            the memory of the newest one. If OUTPUT is -, it is written to standard output.

            EXAMPLES
              snap report checkpoints.html
              snap report /var/www/html/snap.html --force --quiet
              snap report web1.html --guest web1 --maps 3

            EXIT STATUS
              0    written
              1    the index is damaged; run snap reindex to rebuild it
              66   there is no store, or no such guest
              73   the output exists or cannot be created
            """)

    @Argument(
        help: ArgumentHelp("The HTML file to write.", valueName: "output"),
        completion: .file(extensions: ["html"]))
    var output: String

    @Option(
        help: ArgumentHelp("Report only on this guest.", valueName: "name"),
        completion: .guests)
    var guest: String?

    @Option(
        help: ArgumentHelp(
            "Draw memory maps of this many newest checkpoints per guest.", valueName: "n"))
    var maps = 1

    @Flag(help: "Replace an existing regular file; keep owner and mode if that is safe.")
    var force = false

    @OptionGroup var jobs: JobsOption
    @OptionGroup var common: CommonOptions

    private static let mapCountMax = 100

    func validate() throws {
        if output.isEmpty { throw ValidationError("the output's name is empty") }
        guard (0...Self.mapCountMax).contains(maps) else {
            throw ValidationError("--maps is \(maps), expected 0 to \(Self.mapCountMax)")
        }
        if output == "-" && common.json {
            throw ValidationError("--json cannot be used when OUTPUT is -")
        }
    }

    private static func open(_ path: String, isForced: Bool) throws(SnapError) -> OutputFile {
        let (directory, name) = try Directory.holding(FilePath(path), .kernel)
        return try OutputFile(name, in: directory, isForced: isForced)
    }

    func run() throws {
        let guest = try guest.map { try GuestName(checking: $0, as: "guest") }
        let store = try common.storePath()
        // Opened before the work, so that snap fails early if it cannot create the output.
        let file: OutputFile? =
            if output == "-" { nil } else { try Self.open(output, isForced: force) }
        var summarize = Summarize(guest)
        summarize.mapCount = maps
        summarize.cellCountMax = { MemoryMap.figureCellCountMax(guestCount: $0) }
        let guests = try common.showingProgress(of: store.string, jobs: jobs.count) {
            (context) throws(SnapError) in try summarize.run(in: store, context)
        }
        let page = ReportPage(store: store.string, now: .now, guests: guests)
        guard let file else {
            try Console.result(page.html)
            return
        }
        try Array(page.html.utf8).withBytes { (bytes) throws(SnapError) in
            try file.write(bytes, at: 0)
        }
        try file.publish(isSynchronized: false)
        common.confirm(
            WrittenReport(
                output: output, guestCount: page.guests.count,
                checkpointCount: page.guests.reduce(0) { $0 + $1.checkpoints.count }))
    }
}
