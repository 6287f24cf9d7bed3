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

    @Argument(help: ArgumentHelp("The first checkpoint.", valueName: "ref"))
    var from: String

    @Argument(help: ArgumentHelp("The second checkpoint.", valueName: "ref"))
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
            common.json ? outcome.json : common.quiet ? outcome.names : outcome.text)
    }
}

extension DeviceDiff.Outcome {
    private var changed: [DeviceDiff.Section] { sections.filter { $0.change != .unchanged } }

    fileprivate var json: String {
        var json = JSONWriter()
        json.object { json in
            json.field("from", from.reference)
            json.field("to", to.reference)
            json.key("deviceSections")
            json.array(sections) { json, section in
                json.object { json in
                    json.field("name", section.section.name)
                    json.field("instanceId", section.section.instanceID)
                    json.field("versionId", section.section.versionID)
                    json.field("byteCount", section.section.byteCount)
                    json.field("change", section.change.rawValue)
                    json.field("changedByteCount", section.changedByteCount)
                }
            }
        }
        return json.text + "\n"
    }

    fileprivate var names: String {
        changed.map { $0.section.name.printable + "\n" }.joined()
    }

    fileprivate var text: String {
        var table = Table(
            columns: [
                Table.Column("DEVICE SECTION"), Table.Column("INSTANCE", isNumeric: true),
                Table.Column("BYTES", isNumeric: true), Table.Column("CHANGED", isNumeric: true),
                Table.Column("CHANGE"),
            ])
        table.rows = changed.map { section in
            [
                section.section.name, String(section.section.instanceID),
                section.section.byteCount.grouped, section.changedByteCount.grouped,
                section.change.rawValue,
            ]
        }
        let summary =
            "\(from.reference) to \(to.reference): \(changed.count) of "
            + "\(sections.count.counted("device section")) changed\n"
        return (changed.isEmpty ? "" : table.text) + summary
    }
}
