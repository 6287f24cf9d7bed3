import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem

/// `snap show`: one checkpoint.
struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one checkpoint, its RAM blocks and device sections.",
        discussion: """
            EXAMPLES
              snap show web1
              snap show web1:7 --json

            EXIT STATUS
              0    shown
              1    the index is damaged: snap reindex makes it anew
              64   the beginning of an id fits two checkpoints
              66   no such checkpoint
            """)

    @Argument(
        help: ArgumentHelp("The checkpoint.", valueName: "ref"), completion: .checkpoints)
    var reference: String

    @OptionGroup var common: CommonOptions

    func run() throws {
        let reference = try CheckpointReference(parsing: reference)
        let store = try Store(
            reading: common.storePath(), patience: common.patience, .kernel)
        let details = try store.details(of: reference)
        try store.interruptedSaves(of: details.checkpoint.guest).forEach(Report.warning)
        if common.json {
            try Report.result(details.json)
        } else if common.quiet {
            try Report.result(details.checkpoint.reference + "\n")
        } else {
            try Report.result(details.text(on: .output))
        }
    }
}
