import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// The result of `snap status`.
struct ShownStatus: Rendered {
    /// The condition of the store.
    let status: StoreStatus
    /// The store's directory.
    let store: FilePath

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            json.field("time", status.time.rfc3339)
            json.field("diskByteCount", status.diskByteCount)
            json.field("freeByteCount", status.freeByteCount)
            json.field("fileSystemByteCount", status.fileSystemByteCount)
            json.key("guests")
            json.array(status.guests) { json, guest in
                json.object { guest.writeFields(&$0, at: status.time) }
            }
        }
    }

    /// Writes the names of the guests whose newest checkpoint is too old, one per line.
    func writeQuiet(_ output: inout TextOutput) {
        for guest in status.guests where guest.isTooOld { output.write("\(guest.name)\n") }
    }

    func writeText(_ output: inout TextOutput) {
        let now = output.terminal.map { _ in status.time }
        output.write(Table(Self.columns, status.guests.map { $0.row(seenAt: now) }))
        for guest in status.guests where !guest.damage.isEmpty {
            guest.writeDamage(&output, seenAt: now)
        }
        output.write(
            "store \(store.string.printable): \(status.diskByteCount.asByteCount) on the disk; "
                + "\(status.freeByteCount.asByteCount) of "
                + "\(status.fileSystemByteCount.asByteCount) free\n")
    }

    /// The columns of the table; snap(1) documents them.
    private static let columns = [
        Table.Column("NEWEST"), Table.Column("TIME"),
        Table.Column("MEMORY", isNumeric: true, .spare(2)),
        Table.Column("STORED", isNumeric: true, .spare(3)),
        Table.Column("COUNT", isNumeric: true), Table.Column("DISK", isNumeric: true),
        Table.Column("UNNEEDED", isNumeric: true, .spare(1)), Table.Column("VERIFIED"),
        Table.Column("DAMAGED", isNumeric: true),
    ]
}

extension StoreStatus.Guest {
    /// Returns the cells of the guest's row.
    ///
    /// - Parameter now: The present, to show ages; nil to show times in full.
    fileprivate func row(seenAt now: Timestamp?) -> [String] {
        let time = { (time: Timestamp) in now.map { time.relative(to: $0) } ?? time.rfc3339 }
        let age = newest.map { time($0.createdAt) } ?? "-"
        var verified = oldestVerification.map(time) ?? "never"
        if unverifiedFileCount > 0, oldestVerification != nil {
            verified += ", \(unverifiedFileCount.counted("file")) never"
        }
        return [
            newest?.name.description ?? "\(name):-", isTooOld ? "\(age), too old" : age,
            newest?.memoryByteCount.asByteCount ?? "-", newest?.storedByteCount.asByteCount ?? "-",
            checkpointCount.grouped, diskByteCount.asByteCount,
            reclamation?.unneededByteCount.asByteCount ?? "-", verified,
            damagedCheckpoints.count.grouped,
        ]
    }

    private static let shownDamageCount = 10

    /// Writes a line for each of the first damaged parts, and one with the damaged checkpoints.
    fileprivate func writeDamage(_ output: inout TextOutput, seenAt now: Timestamp?) {
        for record in damage.prefix(Self.shownDamageCount) {
            let found = now.map { record.foundAt.relative(to: $0) } ?? record.foundAt.rfc3339
            let offset = record.offset.map { "offset \($0): " } ?? ""
            output.write(
                "damaged: \(name): \(record.part.shownName): \(offset)"
                    + "\(record.message.printable), found \(found)\n")
        }
        let rest = damage.count - Self.shownDamageCount
        if rest > 0 {
            output.write("\(rest.counted("more damaged part")) of \(name): see --json\n")
        }
        let names = damagedCheckpoints.map { "\(name):\($0)" }
        output.write("damaged checkpoints of \(name): \(names.joined(separator: ", "))\n")
    }

    /// Writes the fields of the guest's JSON object, in the order of snap(1).
    fileprivate func writeFields(_ json: inout JSONWriter, at now: Timestamp) {
        json.field("guest", name.description)
        json.key("newest")
        if let newest {
            json.object { json in
                newest.writeFields(&json)
                json.field(
                    "ageSeconds", now.secondsSinceEpoch - newest.createdAt.secondsSinceEpoch)
            }
        } else {
            json.null()
        }
        json.field("isTooOld", isTooOld)
        json.field("checkpointCount", checkpointCount)
        json.field("diskByteCount", diskByteCount)
        json.field("unneededByteCount", reclamation?.unneededByteCount)
        json.field("unneededFoundAt", reclamation?.time.rfc3339)
        json.field("oldestVerification", oldestVerification?.rfc3339)
        json.field("unverifiedFileCount", unverifiedFileCount)
        json.key("damagedCheckpoints")
        json.array(damagedCheckpoints) { json, number in json.element(number) }
        json.key("damage")
        json.array(damage) { json, record in
            json.object { json in
                json.field("file", record.part.fileName)
                json.field("group", record.part.group)
                json.field("firstSlot", record.part.slots?.first)
                json.field("slotCount", record.part.slots?.count)
                json.field("offset", record.offset)
                json.field("message", record.message)
                json.field("foundAt", record.foundAt.rfc3339)
            }
        }
    }
}

extension DamagedPart {
    /// The name of the damaged file, without its suffix for a savevm file, which can be retired.
    fileprivate var fileName: String {
        let digits = String(number).padded(to: 10)
        if case .deviceState = self { return "\(digits).devstate" }
        return "\(digits).savevm"
    }

    /// The file, and the group in it.
    fileprivate var shownName: String {
        group.map { "\(fileName): group \($0)" } ?? fileName
    }
}
