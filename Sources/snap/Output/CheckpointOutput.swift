import GuestMemory
import SnapEngine
import SnapSystem

/// How checkpoints are shown: the one place for the JSON of snap(1), the table and the line.
extension Checkpoint {
    /// Writes the fields of the checkpoint's JSON object, in the order of snap(1).
    ///
    /// - Parameter json: An open object.
    func writeFields(_ json: inout JSONWriter) {
        json.field("guest", guest.description)
        json.field("number", number)
        json.field("id", id.hex)
        json.field("kind", kind)
        json.field("parent", parent)
        json.field("createdAt", createdAt.rfc3339)
        json.field("label", label)
        json.field("memoryByteCount", memoryByteCount)
        json.key("pages")
        json.object { json in
            json.field("total", pages.total)
            json.field("zero", pages.zero)
            json.field("unchanged", pages.unchanged)
            json.field("literal", pages.literal)
            json.field("delta", pages.delta)
            json.field("duplicate", pages.duplicate)
            json.field("becameZero", pages.becameZero)
            json.field("moved", pages.moved)
        }
        json.field("storedByteCount", storedByteCount)
        json.field("deviceSectionCount", deviceSectionCount)
        json.field("deviceStateByteCount", deviceStateByteCount)
    }

    /// The columns of the table of `list`.
    static let columns = [
        Table.Column("GUEST:NUMBER"), Table.Column("TIME"), Table.Column("KIND"),
        Table.Column("PARENT", isNumeric: true), Table.Column("MEMORY", isNumeric: true),
        Table.Column("CHANGED", isNumeric: true), Table.Column("STORED", isNumeric: true),
        Table.Column("DEVICES", isNumeric: true), Table.Column("LABEL"),
    ]

    /// The checkpoint's row in the table of `list`.
    var row: [String] {
        [
            reference, createdAt.rfc3339, kind, parent.map { String($0) } ?? "-",
            memoryByteCount.asByteCount, pages.changed.grouped, storedByteCount.asByteCount,
            String(deviceSectionCount), label ?? "",
        ]
    }

    /// The line that `save` prints.
    ///
    /// - Parameters:
    ///   - elapsed: How long the save took.
    ///   - standstill: How long the guest stood still, if it did.
    func savedLine(_ elapsed: Duration, standstill: Duration?) -> String {
        let of = parent.map { " of \($0)" } ?? ""
        var parts = [
            reference, kind + of, memoryByteCount.asByteCount,
            pages.changed.counted("page") + " changed", "\(storedByteCount.asByteCount) stored",
            elapsed.seconds(fractionDigits: 2) + " s",
        ]
        if let standstill {
            parts.append("guest stood still \(standstill.seconds(fractionDigits: 3)) s")
        }
        return parts.joined(separator: "  ") + "\n"
    }
}

extension CheckpointDetails {
    /// The JSON object of `show`.
    var json: String {
        var json = JSONWriter()
        json.object { json in
            checkpoint.writeFields(&json)
            json.key("ramBlocks")
            json.array(ramBlocks) { json, block in
                json.object { json in
                    json.field("name", block.name)
                    json.field("byteCount", block.byteCount)
                    json.field("guestPhysicalAddress", block.guestPhysicalAddress)
                }
            }
            json.key("deviceSections")
            json.array(deviceSections) { json, section in
                json.object { json in
                    json.field("name", section.name)
                    json.field("instanceId", section.instanceID)
                    json.field("versionId", section.versionID)
                    json.field("byteCount", section.byteCount)
                }
            }
        }
        return json.text + "\n"
    }

    /// The text of `show`.
    var text: String {
        let pages = checkpoint.pages
        var facts = Table(columns: [Table.Column(checkpoint.reference), Table.Column("")])
        facts.rows = [
            ["id", checkpoint.id.hex],
            ["kind", checkpoint.kind],
            ["parent", checkpoint.parent.map { "\(checkpoint.guest):\($0)" } ?? "-"],
            ["time", checkpoint.createdAt.rfc3339],
            ["label", checkpoint.label ?? "-"],
            ["memory", checkpoint.memoryByteCount.asByteCount],
            ["pages", pages.total.grouped],
            ["  zero", "\(pages.zero.grouped), of these \(pages.becameZero.grouped) became zero"],
            ["  unchanged", "\(pages.unchanged.grouped), of these \(pages.moved.grouped) moved"],
            ["  duplicate", pages.duplicate.grouped],
            ["  delta", pages.delta.grouped],
            ["  literal", pages.literal.grouped],
            ["stored", checkpoint.storedByteCount.asByteCount],
        ]
        var blocks = Table(
            columns: [
                Table.Column("RAM BLOCK"), Table.Column("BYTES", isNumeric: true),
                Table.Column("OFFSET", isNumeric: true), Table.Column("GUEST ADDRESS"),
            ])
        var offset = 0
        for block in ramBlocks {
            let address = block.guestPhysicalAddress.map { "0x" + String($0, radix: 16) }
            blocks.rows.append([
                block.name.isEmpty ? "(unnamed)" : block.name, block.byteCount.grouped,
                offset.grouped, address ?? "-",
            ])
            offset += block.byteCount
        }
        var sections = Table(
            columns: [
                Table.Column("DEVICE SECTION"), Table.Column("INSTANCE", isNumeric: true),
                Table.Column("VERSION", isNumeric: true), Table.Column("BYTES", isNumeric: true),
            ])
        sections.rows = deviceSections.map { section in
            [
                section.name, String(section.instanceID), String(section.versionID),
                section.byteCount.grouped,
            ]
        }
        let tables = [facts, blocks] + (deviceSections.isEmpty ? [] : [sections])
        return tables.map(\.text).joined(separator: "\n")
    }
}
