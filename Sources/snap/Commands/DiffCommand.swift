import ArgumentParser
import GuestMemory
import SnapEngine
import SnapSystem

/// `snap diff`: what changed between two checkpoints.
struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show which device sections changed between two checkpoints.",
        discussion: """
            EXAMPLES
              snap diff --devices web1:3 web1:4
              snap diff --devices web1:3 web2 --json

            EXIT STATUS
              0    compared, whether they differ or not
              1    the store is damaged
              66   no such checkpoint, or it has no device state
            """)

    @Argument(
        help: ArgumentHelp("The first checkpoint.", valueName: "ref"), completion: .checkpoints)
    var from: String

    @Argument(
        help: ArgumentHelp("The second checkpoint.", valueName: "ref"), completion: .checkpoints)
    var to: String

    @Flag(help: "Compare device state, section by section.")
    var devices = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard devices else {
            throw ValidationError("say what to compare: --devices")
        }
    }

    func run() throws {
        var diff = DeviceDiff(
            from: try CheckpointReference(parsing: from), to: try CheckpointReference(parsing: to))
        diff.patience = common.patience
        let outcome = try diff.run(in: common.storePath(), .kernel)
        try Report.result(
            common.json ? outcome.json : common.quiet ? outcome.names : outcome.text(on: .output))
    }
}
