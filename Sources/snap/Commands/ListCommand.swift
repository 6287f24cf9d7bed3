import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem

/// `snap list`: what there is.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List checkpoints, the newest last.",
        discussion: """
            CHANGED is the pages that differ from the parent's, STORED what the checkpoint added \
            to the store. With --quiet only references are printed.

            EXAMPLES
              snap list
              snap list --guest web1 --json

            EXIT STATUS
              0    listed
              1    the index is damaged: snap reindex makes it anew
              66   there is no store, or no such guest
            """)

    @Option(help: ArgumentHelp("Only this guest's.", valueName: "name"), completion: .guests)
    var guest: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        let guest = try guest.map { try GuestName(checking: $0, as: "guest") }
        let store = try Store(
            reading: common.storePath(), patience: common.patience, .kernel)
        try store.interruptedSaves(of: guest).forEach(Report.warning)
        let checkpoints = try store.checkpoints(of: guest)
        if common.json {
            var json = JSONWriter()
            json.array(checkpoints) { json, checkpoint in
                json.object { checkpoint.writeFields(&$0) }
            }
            try Report.result(json.text + "\n")
        } else if common.quiet {
            try Report.result(checkpoints.map { $0.reference + "\n" }.joined())
        } else {
            let terminal = Terminal.output
            let now = terminal.map { _ in Timestamp.now }
            let table = Table(Checkpoint.columns, checkpoints.map { $0.row(seenAt: now) })
            try Report.result(table.text(on: terminal))
        }
    }
}
