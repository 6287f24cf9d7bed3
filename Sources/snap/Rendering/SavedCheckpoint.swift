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
    let isRunningGuest: Bool

    /// The error that old checkpoints could not be deleted; nil if they were.
    var pruneError: SnapError? {
        guard case .failure(let error) = outcome.pruned else { return nil }
        return SnapError(
            .pruneFailed,
            "\(outcome.checkpoint.name) is saved, but old checkpoints could not be deleted: "
                + error.message, path: error.path, offset: error.offset, hint: error.hint)
    }

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in writeFields(&json) }
    }

    /// Writes the fields of the checkpoint's JSON object.
    ///
    /// - Parameter json: The writer of the object.
    func writeFields(_ json: inout JSONWriter) {
        outcome.checkpoint.writeFields(&json)
        json.field("elapsedSeconds", elapsed)
        if outcome.replacedDamagedPageCount > 0 {
            json.field("replacedDamagedPageCount", outcome.replacedDamagedPageCount)
        }
        if isRunningGuest { json.field("pausedSeconds", outcome.pauseDuration) }
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

    func writeQuiet(_ output: inout TextOutput) {
        // Nothing else names the disk snapshots of the deleted checkpoints.
        if case .success(let guest) = outcome.pruned { guest.diskSnapshots.writeText(&output) }
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
