import GuestMemory
import SnapSystem

/// The result of `snap list`.
struct CheckpointList: Rendered {
    /// The checkpoints, in the order to show them in.
    let checkpoints: [Checkpoint]
    /// Whether there can be older checkpoints that are not listed.
    var isCut = false

    func writeJSON(_ json: inout JSONWriter) {
        json.array(checkpoints) { json, checkpoint in
            json.object { checkpoint.writeFields(&$0) }
        }
    }

    func writeQuiet(_ output: inout TextOutput) {
        for checkpoint in checkpoints { output.write("\(checkpoint.name)\n") }
    }

    func writeText(_ output: inout TextOutput) {
        let now = output.terminal.map { _ in Timestamp.now }
        var table = Table(Self.columns, checkpoints.map { Self.row(of: $0, seenAt: now) })
        if output.terminal != nil { table.headings = headings }
        output.write(table)
        output.write((isCut ? "the newest " : "") + Self.total(of: checkpoints[...]) + "\n")
    }

    /// A line above the first checkpoint of each guest; none if there is only one guest.
    private var headings: [Int: String] {
        var headings: [Int: String] = [:]
        var rest = checkpoints[...]
        while let guest = rest.first?.guest {
            let own = rest.prefix { $0.guest == guest }
            headings[own.startIndex] = "\(guest): \(Self.total(of: own))"
            rest = rest.dropFirst(own.count)
        }
        return headings.count > 1 ? headings : [:]
    }

    /// Counts checkpoints, their guests if there are several, and the bytes that they have stored.
    private static func total(of checkpoints: ArraySlice<Checkpoint>) -> String {
        let guestCount = Set(checkpoints.map(\.guest)).count
        let stored = checkpoints.reduce(0) { $0.addingClamped($1.storedByteCount) }
        let guests = guestCount > 1 ? " of \(guestCount.counted("guest"))" : ""
        return "\(checkpoints.count.counted("checkpoint"))\(guests), \(stored.asByteCount) stored"
    }

    /// The columns of the table; snap(1) documents them.
    private static let columns = [
        Table.Column("GUEST:NUMBER"), Table.Column("TIME"), Table.Column("KIND", .spare(3)),
        Table.Column("PARENT", isNumeric: true, .spare(2)),
        Table.Column("MEMORY", isNumeric: true, .spare(5)),
        Table.Column("CHANGED", isNumeric: true, .spare(4)),
        Table.Column("STORED", isNumeric: true),
        Table.Column("DEVICES", isNumeric: true, .spare(1)), Table.Column("LABEL", .shrinks),
    ]

    /// Returns the cells of a checkpoint's row.
    ///
    /// - Parameters:
    ///   - checkpoint: The checkpoint.
    ///   - now: The present, to show the checkpoint's age; nil to show its time in full.
    private static func row(of checkpoint: Checkpoint, seenAt now: Timestamp?) -> [String] {
        [
            checkpoint.name.description,
            now.map { checkpoint.createdAt.relative(to: $0) }
                ?? checkpoint.createdAt.rfc3339, checkpoint.kind,
            checkpoint.parentNumber.map { String($0) } ?? "-",
            checkpoint.memoryByteCount.asByteCount, checkpoint.pages.changed.grouped,
            checkpoint.storedByteCount.asByteCount, String(checkpoint.deviceSectionCount),
            checkpoint.label ?? "",
        ]
    }
}
