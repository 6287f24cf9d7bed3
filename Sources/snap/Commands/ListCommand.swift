import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem

/// `snap list`: list checkpoints.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List checkpoints, the newest last.",
        discussion: """
            MEMORY is the size of the guest's RAM. CHANGED is the number of pages that differ from \
            the parent or, in a full checkpoint, that are not zero. STORED is the space that the \
            checkpoint added to the store. DEVICES is the number of device sections. --quiet \
            prints only the names. The last line is the total.

            A TIME is written like 2026-11-20T10:00, 2026-11-20T10:00:00Z, 2026-11-20 (the start \
            of the day), or 2d, 12h, 30m (this long ago).

            EXAMPLES
              snap list
              snap list --guest web1 --json
              snap list --since 7d --label 'nightly-*' --limit 20

            EXIT STATUS
              0    listed
              1    the index is damaged; run snap reindex to rebuild it
              66   there is no store, or no such guest
            """)

    @Option(help: ArgumentHelp("List only this guest.", valueName: "name"), completion: .guests)
    var guest: String?

    @Option(help: ArgumentHelp("List only checkpoints from this time on.", valueName: "time"))
    var since: TimePoint?

    @Option(help: ArgumentHelp("List only checkpoints up to this time.", valueName: "time"))
    var until: TimePoint?

    @Option(
        help: ArgumentHelp(
            "List only checkpoints whose label matches, such as 'release-*'.",
            valueName: "pattern"))
    var label: String?

    @Option(help: ArgumentHelp("List only the newest N.", valueName: "n"))
    var limit: Int?

    @Flag(help: "Show the list in $SNAP_PAGER, $PAGER or less, if it is shown on a terminal.")
    var pager = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit is \(limit), expected 1 or more") }
    }

    func run() throws {
        var list = List(try guest.map { try GuestName(checking: $0, as: "guest") })
        list.since = since?.time
        list.until = until?.time
        list.label = label.map { GlobPattern($0) }
        list.countMax = limit
        let checkpoints = try list.run(in: common.storePath(), common.context())
        try common.show(
            CheckpointList(checkpoints: checkpoints, isCut: checkpoints.count == limit),
            paged: pager)
    }
}
