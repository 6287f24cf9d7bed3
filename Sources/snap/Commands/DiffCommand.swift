import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem

/// `snap diff`: show what changed between two checkpoints.
struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what changed between two checkpoints: pages, or device sections.",
        discussion: """
            Pages that differ are listed by RAM block, as ranges of addresses in the block. Ranges \
            close to each other are joined into one line, unless --all is given. Only page tables \
            that differ are read. --devices compares device state instead, section by section. \
            --quiet prints only the ranges, or only the names of the sections.

            EXAMPLES
              snap diff web1:3 web1:4
              snap diff web1@latest~1 web1 --json
              snap diff --devices web1:3 web1:4

            EXIT STATUS
              0    compared, with or without differences
              1    the store is damaged
              66   there is no such checkpoint, or it has no device state
            """)

    @Argument(
        help: ArgumentHelp("The first checkpoint.", valueName: "from"), completion: .checkpoints)
    var from: String

    @Argument(
        help: ArgumentHelp("The second checkpoint.", valueName: "to"), completion: .checkpoints)
    var to: String

    @Flag(help: "Compare the device state, section by section, instead of pages.")
    var devices = false

    @Flag(help: "Show every range on its own line.")
    var all = false

    @OptionGroup var jobs: JobsOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if devices && all {
            throw ValidationError("--all cannot be used with --devices, which shows all sections")
        }
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
