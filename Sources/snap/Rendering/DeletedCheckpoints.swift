import GuestMemory
import SnapEngine

/// What `delete` shows.
struct DeletedCheckpoints: Rendered {
    /// What the deletion has done, or would do.
    let outcome: Delete.Outcome
    /// Whether nothing was changed.
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
        }
    }

    func writeQuiet(_ output: inout TextOutput) {
        guard isDryRun else { return }
        for checkpoint in outcome.deleted { output.write("\(checkpoint)\n") }
    }

    func writeText(_ output: inout TextOutput) {
        for checkpoint in outcome.deleted {
            output.write("\(checkpoint)  \(isDryRun ? "would be deleted" : "deleted")\n")
        }
        let freed = outcome.freedByteCount.asByteCount
        let kept =
            outcome.keptFileCount == 0
            ? "" : ", \(outcome.keptFileCount.counted("file")) kept: others refer to them"
        output.write("\(freed) \(isDryRun ? "would come back" : "given back")\(kept)\n")
    }
}
