import GuestMemory
import SnapEngine

/// The result of `snap delete`.
struct DeletedCheckpoints: Rendered {
    /// The deleted checkpoints and freed bytes; in a dry run, those that would be.
    let outcome: Delete.Outcome
    /// Whether the deletion was a dry run, which changes nothing.
    let isDryRun: Bool

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            json.key("deleted")
            json.array(outcome.deleted) { json, checkpoint in
                json.object { json in
                    json.field("guest", checkpoint.guest.description)
                    json.field("number", checkpoint.number)
                }
            }
            json.field("freedByteCount", outcome.freedByteCount)
            json.field("keptFileCount", outcome.keptFileCount)
            json.field("isDryRun", isDryRun)
            outcome.diskSnapshots.writeField(&json)
        }
    }

    func writeQuiet(_ output: inout TextOutput) {
        guard isDryRun else { return outcome.diskSnapshots.writeText(&output) }
        for checkpoint in outcome.deleted { output.write("\(checkpoint)\n") }
    }

    func writeText(_ output: inout TextOutput) {
        for checkpoint in outcome.deleted {
            output.write("\(checkpoint)  \(isDryRun ? "would be deleted" : "deleted")\n")
        }
        outcome.diskSnapshots.writeText(&output)
        let freed = outcome.freedByteCount.asByteCount
        let kept =
            outcome.keptFileCount == 0
            ? "" : ", \(outcome.keptFileCount.counted("file")) kept: in use by other checkpoints"
        output.write("\(isDryRun ? "would free" : "freed") \(freed)\(kept)\n")
    }
}
