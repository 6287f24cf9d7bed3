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
        let from = try CheckpointSpecifier(parsing: from)
        let to = try CheckpointSpecifier(parsing: to)
        let store = try common.storePath()
        if devices {
            try common.show(DeviceDiff(from: from, to: to).run(in: store, common.context()))
            return
        }
        let diff = PageDiff(from: from, to: to)
        let outcome = try common.showingProgress(of: "\(from) \(to)", jobs: jobs.count) {
            (context) throws(SnapError) in try diff.run(in: store, context)
        }
        try common.show(ShownPageDiff(diff: outcome, showsAll: all))
    }
}
