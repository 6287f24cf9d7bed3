import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem

/// `snap map`: draw a checkpoint's memory.
struct MapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map",
        abstract: "Draw a checkpoint's memory: what is zero, unchanged, changed.",
        discussion: """
            Each cell stands for a stretch of memory and shows the most that happened in it: a \
            page stored whole, or else one stored as a delta, or else one unchanged, or else zero \
            pages alone.

            EXAMPLES
              snap map web1
              snap map web1:7 --json

            EXIT STATUS
              0    drawn
              1    the store is damaged
              66   no such checkpoint
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
