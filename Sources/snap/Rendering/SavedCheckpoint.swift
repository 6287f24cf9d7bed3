import GuestMemory
import SnapEngine

/// What `save` shows.
struct SavedCheckpoint: Rendered {
    /// What the save has done.
    let outcome: Save.Outcome
    /// How long it took.
    let elapsed: Duration
    /// Whether a running guest was saved.
    let isLive: Bool

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            outcome.checkpoint.writeFields(&json)
            json.field("elapsedSeconds", elapsed)
            if isLive { json.field("standstillSeconds", outcome.pauseDuration) }
        }
    }

    func writeText(_ output: inout TextOutput) {
        let checkpoint = outcome.checkpoint
        let of = checkpoint.parentNumber.map { " of \($0)" } ?? ""
        var parts = [
            checkpoint.name.description, checkpoint.kind + of,
            checkpoint.memoryByteCount.asByteCount,
            checkpoint.pages.changed.counted("page") + " changed",
            "\(checkpoint.storedByteCount.asByteCount) stored",
            elapsed.seconds(fractionDigits: 2) + " s",
        ]
        if let pause = outcome.pauseDuration {
            parts.append("guest stood still \(pause.seconds(fractionDigits: 3)) s")
        }
        output.write(parts.joined(separator: "  ") + "\n")
    }
}
