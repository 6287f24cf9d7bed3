import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// `snap report`: a page to look at.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write a page to look at: checkpoints over time, sizes, maps of memory.",
        discussion: """
            OUTPUT is one HTML file that needs no network and no script: totals, and for each \
            guest its checkpoints over time and a map of the memory of the newest. - is standard \
            output.

            EXAMPLES
              snap report checkpoints.html
              snap report /var/www/html/snap.html --force --quiet
              snap report web1.html --guest web1 --maps 3

            EXIT STATUS
              0    written
              1    the index is damaged: snap reindex makes it anew
              66   there is no store, or no such guest
              73   the output exists or can't be made
            """)

    @Argument(
        help: ArgumentHelp("The page to write.", valueName: "output"),
        completion: .file(extensions: ["html"]))
    var output: String

    @Option(
        help: ArgumentHelp("Only this guest's checkpoints.", valueName: "name"),
        completion: .guests)
    var guest: String?

    @Option(
        help: ArgumentHelp(
            "Of how many of a guest's newest checkpoints the memory is drawn.", valueName: "n"))
    var maps = 1

    @Flag(help: "Replace an existing regular file, keeping owner and mode.")
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
            throw ValidationError("--json and the page cannot share standard output")
        }
    }

    func run() throws {
        let guest = try guest.map { try GuestName(checking: $0, as: "guest") }
        let store = try common.storePath()
        // Before the work: a page that cannot be written need not be made.
        let file: OutputFile? =
            output == "-"
            ? nil : try OutputFile(FilePath(output), .kernel, isForced: force)
        let page = try common.showingProgress(of: store.string) { (progress) throws(SnapError) in
            ReportPage(
                store: store.string, now: .now, guests: try guests(guest, in: store, progress))
        }
        guard let file else {
            try Report.result(page.html)
            return
        }
        try Array(page.html.utf8).withBytes { (bytes) throws(SnapError) in
            try file.write(bytes, at: 0)
        }
        try file.publish(isSynchronized: false)
        let count = page.guests.reduce(0) { $0 + $1.checkpoints.count }
        if common.json {
            var json = JSONWriter()
            json.object { json in
                json.field("output", output)
                json.field("guestCount", page.guests.count)
                json.field("checkpointCount", count)
            }
            Report.done(json.text + "\n")
        } else if !common.quiet {
            Report.done("\(count.counted("checkpoint"))  reported to \(output)\n")
        }
    }

    private func guests(
        _ only: GuestName?, in path: FilePath, _ progress: WorkProgress
    ) throws(SnapError) -> [ReportPage.Guest] {
        let store = try Store(reading: path, patience: common.patience, .kernel)
        let checkpoints = try store.checkpoints(of: only)
        var guests: [ReportPage.Guest] = []
        if let only, checkpoints.isEmpty {
            guests = [
                ReportPage.Guest(
                    name: only, checkpoints: [], storedByteCount: try store.byteCount(of: only))
            ]
        }
        var rest = checkpoints[...]
        while let name = rest.first?.guest {
            let own = Array(rest.prefix { $0.guest == name })
            rest = rest.dropFirst(own.count)
            var guest = ReportPage.Guest(
                name: name, checkpoints: own, storedByteCount: try store.byteCount(of: name))
            try draw(&guest, in: store, progress)
            guests.append(guest)
        }
        return guests
    }

    /// Draws the memory of a guest's newest checkpoints; one that is damaged takes nothing from
    /// the rest of the page.
    private func draw(
        _ guest: inout ReportPage.Guest, in store: borrowing Store, _ progress: WorkProgress
    ) throws(SnapError) {
        do throws(SnapError) {
            for checkpoint in guest.checkpoints.suffix(maps).reversed() {
                guest.maps.append(
                    try MemoryMap(
                        of: .number(guest.name, checkpoint.number), in: store,
                        cellCountMax: MemoryMap.figureCellCountMax, jobs: jobs.count,
                        patience: common.patience, progress))
            }
        } catch {
            switch error.code {
            case .notFound: break  // deleted meanwhile
            case .damaged, .unsupported, .permission, .inputOutput:
                guest.mapFailure = error.description
                Report.warning(error)
            default: throw error
            }
        }
    }
}
