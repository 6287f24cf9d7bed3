import GuestMemory
import SnapEngine

/// What `restore` shows.
struct RestoredCheckpoint: Rendered {
    /// What the restore has done.
    let outcome: Restore.Outcome
    /// Where the memory went.
    let output: String
    /// How long it took.
    let elapsed: Duration

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            outcome.checkpoint.writeFields(&json)
            json.field("output", output)
            if let count = outcome.writtenPageCount { json.field("writtenPageCount", count) }
            json.field("elapsedSeconds", elapsed)
        }
    }

    func writeText(_ text: inout TextOutput) {
        let size = outcome.checkpoint.memoryByteCount.asByteCount
        let written = outcome.writtenPageCount.map { "  " + $0.counted("page") + " written" }
        text.write(
            "\(outcome.checkpoint.name)  \(size)  restored to \(output)"
                + "\(written ?? "")  \(elapsed.seconds(fractionDigits: 2)) s\n")
    }
}
