import ArgumentParser
import GuestMemory
import SnapEngine

/// `snap show`: show one checkpoint.
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
              1    the index is damaged; run snap reindex to rebuild it
              64   the digits match the ids of two checkpoints
              66   there is no such checkpoint
            """)

    @Argument(
        help: ArgumentHelp("The checkpoint.", valueName: "ref"), completion: .checkpoints)
    var checkpoint: String

    @OptionGroup var common: CommonOptions

    func run() throws {
        let show = Show(try CheckpointSpecifier(parsing: checkpoint))
        try common.show(show.run(in: common.storePath(), common.context()))
    }
}
