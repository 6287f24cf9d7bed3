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
        Table.Column("GUEST:NUMBER"), Table.Column("TIME"), Table.Column("KIND", .spare(3)),
        Table.Column("PARENT", isNumeric: true, .spare(2)),
        Table.Column("MEMORY", isNumeric: true, .spare(5)),
        Table.Column("CHANGED", isNumeric: true, .spare(4)),
        Table.Column("STORED", isNumeric: true),
        Table.Column("DEVICES", isNumeric: true, .spare(1)), Table.Column("LABEL", .shrinks),
    ]

    /// The checkpoint's row in the table of `list`.
    ///
    /// - Parameter now: When somebody looks at it on a terminal; nil if it goes elsewhere.
    func row(seenAt now: Timestamp?) -> [String] {
        [
            reference, now.map { createdAt.relative(to: $0) } ?? createdAt.rfc3339, kind,
            parent.map { String($0) } ?? "-",
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
    ///
    /// - Parameter terminal: Where it goes; nil if that is no terminal.
    func text(on terminal: Terminal?) -> String {
        let tables = [facts(on: terminal), blocks] + (deviceSections.isEmpty ? [] : [sections])
        return tables.map { $0.text(on: terminal) }.joined(separator: "\n")
    }

    private func facts(on terminal: Terminal?) -> Table {
        let pages = checkpoint.pages
        let time = checkpoint.createdAt
        let age = terminal.map { _ in ", " + time.relative(to: .now) } ?? ""
        return Table(
            [Table.Column(checkpoint.reference), Table.Column("", .shrinks)],
            [
                ["id", checkpoint.id.hex],
                ["kind", checkpoint.kind],
                ["parent", checkpoint.parent.map { "\(checkpoint.guest):\($0)" } ?? "-"],
                ["time", time.rfc3339 + age],
                ["label", checkpoint.label ?? "-"],
                ["memory", checkpoint.memoryByteCount.asByteCount],
                ["pages", pages.total.grouped],
                [
                    "  zero",
                    "\(pages.zero.grouped), of these \(pages.becameZero.grouped) became zero",
                ],
                [
                    "  unchanged",
                    "\(pages.unchanged.grouped), of these \(pages.moved.grouped) moved",
                ],
                ["  duplicate", pages.duplicate.grouped],
                ["  delta", pages.delta.grouped],
                ["  literal", pages.literal.grouped],
                ["stored", checkpoint.storedByteCount.asByteCount],
            ])
    }

    private var blocks: Table {
        var offset = 0
        let rows = ramBlocks.map { block in
            defer { offset += block.byteCount }
            let address = block.guestPhysicalAddress.map { "0x" + String($0, radix: 16) }
            return [
                block.shownName, block.byteCount.grouped, offset.grouped, address ?? "-",
            ]
        }
        return Table(
            [
                Table.Column("RAM BLOCK", .shrinks), Table.Column("BYTES", isNumeric: true),
                Table.Column("OFFSET", isNumeric: true), Table.Column("GUEST ADDRESS", .spare(1)),
            ], rows)
    }

    private var sections: Table {
        Table(
            [
                Table.Column("DEVICE SECTION", .shrinks),
                Table.Column("INSTANCE", isNumeric: true, .spare(1)),
                Table.Column("VERSION", isNumeric: true, .spare(2)),
                Table.Column("BYTES", isNumeric: true),
            ],
            deviceSections.map { section in
                [
                    section.name, String(section.instanceID), String(section.versionID),
                    section.byteCount.grouped,
                ]
            })
    }
}

extension RAMBlock {
    /// The block's name for people.
    var shownName: String { name.isEmpty ? "(unnamed)" : name }
}
