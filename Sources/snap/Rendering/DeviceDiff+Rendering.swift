import GuestMemory
import SnapEngine
import SnapSystem

extension DeviceDiff.Outcome: Rendered {
    private var changed: [DeviceDiff.Section] { sections.filter { $0.change != .unchanged } }

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            json.field("from", from.name.description)
            json.field("to", to.name.description)
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
    }

    /// Writes the names of the changed sections, one per line.
    func writeQuiet(_ output: inout TextOutput) {
        for section in changed { output.write(section.section.name.printable + "\n") }
    }

    /// Writes a table of the changed sections, and how many changed.
    func writeText(_ output: inout TextOutput) {
        let table = Table(
            [
                Table.Column("DEVICE SECTION", .shrinks),
                Table.Column("INSTANCE", isNumeric: true, .spare(1)),
                Table.Column("BYTES", isNumeric: true, .spare(2)),
                Table.Column("CHANGED", isNumeric: true), Table.Column("CHANGE"),
            ],
            changed.map { section in
                [
                    section.section.name, String(section.section.instanceID),
                    section.section.byteCount.grouped, section.changedByteCount.grouped,
                    section.change.rawValue,
                ]
            })
        if !changed.isEmpty { output.write(table) }
        output.write(
            "\(from.name) to \(to.name): \(changed.count) of "
                + "\(sections.count.counted("device section")) changed\n")
    }
}
