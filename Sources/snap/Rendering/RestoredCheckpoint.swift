import GuestMemory
import SnapEngine

/// The result of `snap restore`.
struct RestoredCheckpoint: Rendered {
    /// The restored checkpoint, and how many pages were written.
    let outcome: Restore.Outcome
    /// The path of the output, as the user gave it.
    let output: String
    /// The duration of the restore.
    let elapsed: Duration
    /// Whether damaged pages were skipped.
    let skipsDamaged: Bool

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            outcome.checkpoint.writeFields(&json)
            json.field("output", output)
            if let count = outcome.writtenPageCount { json.field("writtenPageCount", count) }
            if skipsDamaged {
                json.key("lostPages")
                json.array(outcome.losses) { json, loss in json.object { loss.writeFields(&$0) } }
                json.field("isDeviceStateLost", outcome.isDeviceStateLost)
            }
            json.field("elapsedSeconds", elapsed)
        }
    }

    func writeText(_ text: inout TextOutput) {
        let size = outcome.checkpoint.memoryByteCount.asByteCount
        let written = outcome.writtenPageCount.map { "  " + $0.counted("page") + " written" }
        text.write(
            "\(outcome.checkpoint.name)  \(size)  restored to \(output)"
                + "\(written ?? "")  \(elapsed.seconds(fractionDigits: 2)) s\n")
        for loss in outcome.losses { text.write("  \(loss.shownText)\n") }
        if outcome.isDeviceStateLost { text.write("  device state lost\n") }
    }
}
