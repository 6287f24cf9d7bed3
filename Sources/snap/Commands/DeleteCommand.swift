import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem

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
    var references: [String]

    @Flag(help: "Show what would go and how many bytes come back; change nothing.")
    var dryRun = false

    @Flag(help: "Delete a guest's last checkpoint too.")
    var allowLast = false

    @OptionGroup var common: CommonOptions

    func run() throws {
        var delete = try Delete(
            references.map { try CheckpointReference(parsing: $0) })
        delete.allowsLast = allowLast
        delete.patience = common.patience
        let store = try common.storePath()
        let outcome =
            dryRun
            ? try delete.plan(in: store, .kernel, warn: Report.warning)
            : try delete.run(in: store, .kernel, warn: Report.warning)
        if common.json {
            var json = JSONWriter()
            json.object { json in
                json.key("deleted")
                json.array(outcome.deleted) { json, checkpoint in
                    json.object { json in
                        json.field("guest", checkpoint.guest.description)
                        json.field("number", checkpoint.number)
                    }
                }
                json.field("freedByteCount", outcome.freedByteCount)
                json.field("keptFileCount", outcome.keptFileCount)
                json.field("isDryRun", dryRun)
            }
            Report.done(json.text + "\n")
        } else if common.quiet {
            Report.done(dryRun ? outcome.deleted.map { $0.reference + "\n" }.joined() : "")
        } else {
            let verb = dryRun ? "would be deleted" : "deleted"
            let lines = outcome.deleted.map { "\($0.reference)  \(verb)\n" }
            let freed = outcome.freedByteCount.asByteCount
            let kept =
                outcome.keptFileCount == 0
                ? "" : ", \(outcome.keptFileCount.counted("file")) kept: others refer to them"
            Report.done(
                lines.joined() + "\(freed) \(dryRun ? "would come back" : "given back")\(kept)\n")
        }
    }
}
