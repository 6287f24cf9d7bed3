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
    var reference: String

    @OptionGroup var jobs: JobsOption
    @OptionGroup var common: CommonOptions

    private static let rowCountMax = 24

    func run() throws {
        let reference = try CheckpointReference(parsing: reference)
        let store = try Store(
            reading: common.storePath(), patience: common.patience, .kernel)
        let columnCount = MemoryMap.columnCount(on: .output)
        let map = try common.showingProgress(of: "\(reference)") { (progress) throws(SnapError) in
            try MemoryMap(
                of: reference, in: store, cellCountMax: columnCount * Self.rowCountMax,
                jobs: jobs.count, patience: common.patience, progress)
        }
        try Report.result(
            common.json
                ? map.json
                : map.text(columnCount: columnCount, on: .output, showsLegend: !common.quiet))
    }
}
