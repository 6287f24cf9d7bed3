import ArgumentParser
import GuestMemory
import SnapEngine

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
              1    the index is damaged: snap reindex rebuilds it
              66   there is no store, or no such guest
            """)

    @Option(help: ArgumentHelp("Only this guest's.", valueName: "name"), completion: .guests)
    var guest: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        let guest = try guest.map { try GuestName(checking: $0, as: "guest") }
        let checkpoints = try List(guest).run(in: common.storePath(), common.context())
        try common.show(CheckpointList(checkpoints: checkpoints))
    }
}
