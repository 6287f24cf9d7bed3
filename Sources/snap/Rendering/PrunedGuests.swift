import GuestMemory
import SnapEngine
import SnapSystem

/// The result of `snap prune`.
struct PrunedGuests: Rendered {
    /// What was kept and deleted; in a dry run, what would be.
    let outcome: Prune.Outcome
    /// Whether the prune was a dry run, which changes nothing.
    let isDryRun: Bool

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            json.key("guests")
            json.array(outcome.guests) { json, guest in
                json.object { guest.writeFields(&$0) }
            }
            json.key("skipped")
            json.array(outcome.failures) { json, failure in
                json.object { json in
                    json.field("guest", failure.guest.description)
                    json.field("code", Int(failure.error.code.rawValue))
                    json.field("message", failure.error.message)
                }
            }
            json.field("isDryRun", isDryRun)
        }
    }

    func writeQuiet(_ output: inout TextOutput) {
        guard isDryRun else {
            for guest in outcome.guests { guest.diskSnapshots.writeText(&output) }
            return
        }
        for name in outcome.guests.flatMap(\.deleted) { output.write("\(name)\n") }
    }

    func writeText(_ output: inout TextOutput) {
        if isDryRun {
            let decisions = outcome.guests.flatMap { $0.decisions.reversed() }
            output.write(Table(Self.columns, decisions.map(Self.row)))
        }
        for guest in outcome.guests { guest.writeSummary(&output, isDryRun: isDryRun) }
    }

    private static let columns = [
        Table.Column("GUEST:NUMBER"), Table.Column("TIME"), Table.Column("ACTION"),
        Table.Column("KEPT BY"), Table.Column("LABEL", .shrinks),
    ]

    private static func row(of decision: RetentionPolicy.Decision) -> [String] {
        let damaged = decision.isDamaged ? ["damaged, does not count"] : []
        return [
            decision.checkpoint.name.description, decision.checkpoint.createdAt.rfc3339,
            decision.reasons.isEmpty ? "delete" : "keep",
            (decision.reasons + damaged).joined(separator: ", "),
            decision.checkpoint.label ?? "",
        ]
    }
}

extension PrunedGuest {
    /// Writes the fields of the guest's JSON object, in the order of snap(1).
    ///
    /// - Parameter json: An open object.
    func writeFields(_ json: inout JSONWriter) {
        json.field("guest", name.description)
        json.key("kept")
        json.array(kept.reversed()) { json, decision in
            json.object { json in
                json.field("number", decision.checkpoint.number)
                json.field("createdAt", decision.checkpoint.createdAt.rfc3339)
                json.key("reasons")
                json.array(decision.reasons) { json, reason in json.element(reason) }
                json.field("isDamaged", decision.isDamaged)
            }
        }
        json.key("deleted")
        json.array(deleted) { json, name in json.element(name.number) }
        json.field("freedByteCount", freedByteCount)
        json.field("writtenByteCount", writtenByteCount)
        json.field("keptFileCount", keptFileCount)
        diskSnapshots.writeField(&json)
    }

    /// Writes how many checkpoints were kept and deleted, what was freed, and which disk snapshots
    /// stay.
    ///
    /// - Parameters:
    ///   - output: The output.
    ///   - isDryRun: Whether nothing was changed.
    func writeSummary(_ output: inout TextOutput, isDryRun: Bool = false) {
        let freed = freedByteCount.asByteCount
        let deletedCount = deleted.count.grouped
        let keptCount = kept.count.grouped
        output.write(
            isDryRun
                ? "\(name)  would keep \(keptCount), delete \(deletedCount), free \(freed)\n"
                : "\(name)  kept \(keptCount), deleted \(deletedCount), freed \(freed)\n")
        diskSnapshots.writeText(&output)
    }
}
