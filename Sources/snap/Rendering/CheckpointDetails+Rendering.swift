import GuestMemory
import SnapSystem

extension CheckpointDetails: Rendered {
    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            checkpoint.writeFields(&json)
            json.field("codec", checkpoint.codec.rawValue)
            json.key("ramBlocks")
            json.array(ramBlocks) { json, block in
                json.object { json in
                    json.field("name", block.name)
                    json.field("byteCount", block.byteCount)
                    json.field("guestPhysicalAddress", block.guestPhysicalAddress)
                }
            }
            json.field("deviceStateBaseNumber", deviceStateBaseNumber)
            json.key("deviceSections")
            json.array(deviceSections) { json, section in
                json.object { json in
                    json.field("name", section.name)
                    json.field("instanceId", section.instanceID)
                    json.field("versionId", section.versionID)
                    json.field("byteCount", section.byteCount)
                }
            }
            if !diskSnapshots.isEmpty {
                json.key("diskSnapshots")
                json.array(diskSnapshots) { json, snapshot in
                    json.object { snapshot.writeFields(&$0) }
                }
            }
        }
    }

    func writeQuiet(_ output: inout TextOutput) {
        output.write("\(checkpoint.name)\n")
    }

    func writeText(_ output: inout TextOutput) {
        output.write(facts(on: output.terminal))
        let tables = [
            blocks, diskSnapshots.isEmpty ? nil : disks, deviceSections.isEmpty ? nil : sections,
        ]
        for table in tables.compactMap(\.self) {
            output.write("\n")
            output.write(table)
        }
    }

    private func facts(on terminal: Terminal?) -> Table {
        let pages = checkpoint.pages
        let time = checkpoint.createdAt
        let age = terminal.map { _ in ", " + time.relative(to: .now) } ?? ""
        return Table(
            [Table.Column(checkpoint.name.description), Table.Column("", .shrinks)],
            [
                ["id", checkpoint.id.hex],
                ["kind", checkpoint.kind],
                ["parent", checkpoint.parentNumber.map { "\(checkpoint.guest):\($0)" } ?? "-"],
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
                ["codec", checkpoint.codec.rawValue],
            ] + deviceStateFacts)
    }

    private var deviceStateFacts: [[String]] {
        guard let base = deviceStateBaseNumber else { return [] }
        return [["device state", "shares with \(checkpoint.guest):\(base)"]]
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

    private var disks: Table {
        Table(
            [
                Table.Column("DISK SNAPSHOT", .shrinks), Table.Column("DRIVE", .shrinks),
                Table.Column("IMAGE", .shrinks),
            ], diskSnapshots.map { [$0.name, $0.drive, $0.path] })
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
