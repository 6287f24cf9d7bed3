import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem

/// `snap prune`: delete the checkpoints that a policy does not keep.
struct PruneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Delete the checkpoints that a policy does not keep, and free their space.",
        discussion: """
            A checkpoint is kept if at least one --keep option applies to it. Checkpoints count \
            from the newest back, in the order of their numbers. Hours, days, weeks, months and \
            years are those of the local time zone; of each, the newest checkpoint is kept. If \
            there are fewer of them than N, the oldest checkpoint is kept too. N can be unlimited.

            At least one checkpoint of each guest is kept. A damaged checkpoint does not count. \
            snap skips a guest that another snap is writing to. It never waits for readers: what \
            they read stays until they have finished and the guest is pruned again.

            EXAMPLES
              snap prune --keep-last 12 --keep-hourly 24 --keep-daily 7 --dry-run
              snap prune --guest web1 --keep-within 14d --keep-label 'release-*'

            EXIT STATUS
              0    deleted, or there was nothing to delete
              64   no policy is given
              66   there is no such guest
              74   I/O error; other guests are pruned
              75   a guest was skipped because another snap writes to it
            """)

    @Option(
        help: ArgumentHelp("The guest; default: every guest.", valueName: "name"),
        completion: .guests)
    var guest: String?

    @Flag(help: "Show what would be deleted and why the rest is kept; change nothing.")
    var dryRun = false

    @OptionGroup(title: "Retention") var keep: KeepOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        var prune = try Prune(keep.policy)
        if let guest { prune.guest = try GuestName(checking: guest, as: "guest") }
        prune.isDryRun = dryRun
        let outcome = try prune.run(in: common.storePath(), common.context())
        common.confirm(PrunedGuests(outcome: outcome, isDryRun: dryRun))
        // The last error is the command's own, the more severe ones last.
        let failures =
            outcome.failures.filter { $0.error.code == .busy }
            + outcome.failures.filter { $0.error.code != .busy }
        let errors = failures.map { guest, error in
            SnapError(
                error.code, "guest \"\(guest)\" is skipped: \(error.message)", path: error.path,
                offset: error.offset, hint: error.hint)
        }
        for error in errors.dropLast() { Console.warning(error) }
        if let error = errors.last { throw error }
    }
}
