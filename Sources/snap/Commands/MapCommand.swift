import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem

/// `snap map`: draw a map of a checkpoint's memory.
struct MapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map",
        abstract: "Draw a map of a checkpoint's zero, unchanged and changed memory.",
        discussion: """
            Each cell is a range of memory. It shows the first of these that applies to any page \
            in the range: stored in full, stored as a delta, unchanged, zero.

            EXAMPLES
              snap map web1
              snap map web1:7 --json

            EXIT STATUS
              0    drawn
              1    the store is damaged
              66   there is no such checkpoint
            """)

    @Argument(
        help: ArgumentHelp("The checkpoint.", valueName: "ref"), completion: .checkpoints)
    var checkpoint: String

    @OptionGroup var jobs: JobsOption
    @OptionGroup var common: CommonOptions

    func run() throws {
        let columnCount = DrawnMap.columnCount(on: .output)
        let map = Map(
            try CheckpointSpecifier(parsing: checkpoint),
            cellCountMax: DrawnMap.cellCountMax(columnCount: columnCount))
        let store = try common.storePath()
        let drawn = try common.showingProgress(of: "\(map.specifier)", jobs: jobs.count) {
            (context) throws(SnapError) in try map.run(in: store, context)
        }
        try common.show(DrawnMap(map: drawn, columnCount: columnCount))
    }
}
