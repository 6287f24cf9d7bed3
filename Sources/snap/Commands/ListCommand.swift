import ArgumentParser
import GuestMemory
import SnapEngine

/// `snap list`: list checkpoints.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List checkpoints, the newest last.",
        discussion: """
            MEMORY is the size of the guest's RAM. CHANGED is the number of pages that differ from \
            the parent or, in a full checkpoint, that are not zero. STORED is the space that the \
            checkpoint added to the store. DEVICES is the number of device sections. --quiet \
            prints only the names.

            EXAMPLES
              snap list
              snap list --guest web1 --json

            EXIT STATUS
              0    listed
              1    the index is damaged; run snap reindex to rebuild it
              66   there is no store, or no such guest
            """)

    @Option(help: ArgumentHelp("List only this guest.", valueName: "name"), completion: .guests)
    var guest: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        let guest = try guest.map { try GuestName(checking: $0, as: "guest") }
        let checkpoints = try List(guest).run(in: common.storePath(), common.context())
        try common.show(CheckpointList(checkpoints: checkpoints))
    }
}
