import ArgumentParser
import GuestMemory
import SnapEngine

/// `snap delete`: delete checkpoints.
struct DeleteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete checkpoints.",
        discussion: """
            Other checkpoints stay intact, and the space that none of them needs is freed. REF is \
            GUEST:NUMBER or a complete id; a name such as GUEST@latest is refused, because it \
            names a different checkpoint later.

            EXAMPLES
              snap delete web1:3 web1:4
              snap delete web1:3 --dry-run

            EXIT STATUS
              0    deleted
              64   the guest would have no readable checkpoint left
              66   there is no such checkpoint; nothing was deleted
              75   another snap writes to the store or the guest
            """)

    @Argument(
        help: ArgumentHelp("The checkpoints to delete.", valueName: "ref"),
        completion: .exactCheckpoints)
    var checkpoints: [String]

    @Flag(help: "Show what would be deleted and how many bytes would be freed; change nothing.")
    var dryRun = false

    @Flag(help: "Allow deleting the last readable checkpoint of a guest.")
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
