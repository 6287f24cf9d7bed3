import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// The result of `snap save`.
struct SavedCheckpoint: Rendered {
    /// The new checkpoint, and how long the guest was paused.
    let outcome: Save.Outcome
    /// The duration of the save.
    let elapsed: Duration
    /// Whether the save was of a running guest (--qmp).
    let isLive: Bool

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            outcome.checkpoint.writeFields(&json)
            json.field("elapsedSeconds", elapsed)
            if outcome.replacedDamagedPageCount > 0 {
                json.field("replacedDamagedPageCount", outcome.replacedDamagedPageCount)
            }
            if isLive { json.field("pausedSeconds", outcome.pauseDuration) }
            guard let pruned = outcome.pruned else { return }
            json.key("prune")
            json.object { json in
                switch pruned {
                case .success(let guest): guest.writeFields(&json)
                case .failure(let error):
                    json.key("error")
                    json.object { json in
                        json.field("code", Int(error.code.rawValue))
                        json.field("message", error.message)
                        json.field("path", error.path?.string)
                    }
                }
            }
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
            parts.append("guest paused for \(pause.seconds(fractionDigits: 3)) s")
        }
        output.write(parts.joined(separator: "  ") + "\n")
        if case .success(let guest) = outcome.pruned { guest.writeSummary(&output) }
    }
}
