import GuestMemory
import SnapEngine
import SnapSystem

/// How changed device sections are shown.
extension DeviceDiff.Outcome {
    private var changed: [DeviceDiff.Section] { sections.filter { $0.change != .unchanged } }

    /// All sections as one JSON object.
    var json: String {
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

    /// The names of those that changed.
    var names: String {
        changed.map { $0.section.name.printable + "\n" }.joined()
    }

    /// A table of those that changed.
    ///
    /// - Parameter terminal: Where it goes; nil if that is no terminal.
    func text(on terminal: Terminal?) -> String {
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
        let summary =
            "\(from.reference) to \(to.reference): \(changed.count) of "
            + "\(sections.count.counted("device section")) changed\n"
        return (changed.isEmpty ? "" : table.text(on: terminal)) + summary
    }
}
