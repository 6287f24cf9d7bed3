import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem

/// `snap diff`: what changed between two checkpoints.
struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what changed between two checkpoints: pages, or device sections.",
        discussion: """
            The pages that differ are shown by RAM block and range of addresses in it; ranges that \
            lie close together are shown as one unless --all is given. Only page tables that \
            differ are read. --devices compares device state instead, section by section. With \
            --quiet the ranges alone are printed, or the names of the sections.

            EXAMPLES
              snap diff web1:3 web1:4
              snap diff web1@latest~1 web1 --json
              snap diff --devices web1:3 web1:4

            EXIT STATUS
              0    compared, whether they differ or not
              1    the store is damaged
              66   no such checkpoint, or it has no device state
            """)

    @Argument(
        help: ArgumentHelp("The first checkpoint.", valueName: "ref"), completion: .checkpoints)
    var from: String

    @Argument(
        help: ArgumentHelp("The second checkpoint.", valueName: "ref"), completion: .checkpoints)
    var to: String

    @Flag(help: "Compare device state, section by section.")
    var devices = false

    @Flag(help: "Show every range, however many there are.")
    var all = false

    @OptionGroup var jobs: JobsOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if devices && all { throw ValidationError("--all is for pages, --devices shows all") }
    }

    func run() throws {
        let from = try CheckpointReference(parsing: from)
        let to = try CheckpointReference(parsing: to)
        let store = try common.storePath()
        if devices {
            var diff = DeviceDiff(from: from, to: to)
            diff.patience = common.patience
            let outcome = try diff.run(in: store, .kernel)
            try Report.result(
                common.json
                    ? outcome.json : common.quiet ? outcome.names : outcome.text(on: .output))
        } else {
            var diff = PageDiff(from: from, to: to)
            diff.jobs = jobs.count
            diff.patience = common.patience
            let outcome = try common.showingProgress(of: "\(from) \(to)") {
                (progress) throws(SnapError) in
                diff.progress = progress
                return try diff.run(in: store, .kernel)
            }
            if common.json {
                try outcome.writeJSON()
            } else if common.quiet {
                try outcome.writeRanges()
            } else {
                try Report.result(outcome.text(on: .output, showsAll: all))
            }
        }
    }
}
