import ArgumentParser
import GuestMemory
import SnapEngine

/// `snap delete`: give checkpoints up.
struct DeleteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Give checkpoints up.",
        discussion: """
            No other checkpoint is harmed: files whose pages others need stay until the last of \
            these is gone. REF is GUEST:NUMBER or a whole id, nothing that may name another \
            checkpoint tomorrow.

            EXAMPLES
              snap delete web1:3 web1:4
              snap delete web1:3 --dry-run

            EXIT STATUS
              0    deleted
              64   the guest would have no checkpoint left
              66   no such checkpoint: nothing was deleted
              75   another snap is saving or deleting
            """)

    @Argument(
        help: ArgumentHelp("The checkpoints.", valueName: "ref"), completion: .exactCheckpoints)
    var checkpoints: [String]

    @Flag(help: "Show what would go and how many bytes come back; change nothing.")
    var dryRun = false

    @Flag(help: "Delete a guest's last checkpoint too.")
    var allowLast = false

    @OptionGroup var common: CommonOptions

    func run() throws {
        var delete = try Delete(checkpoints.map { try CheckpointSpecifier(parsing: $0) })
        delete.allowsLast = allowLast
        delete.isDryRun = dryRun
        let outcome = try delete.run(in: common.storePath(), common.context())
        common.confirm(DeletedCheckpoints(outcome: outcome, isDryRun: dryRun))
    }
}
