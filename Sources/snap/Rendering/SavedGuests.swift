import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// The result of `snap save --qmp-dir` or `--libvirt-all`.
struct SavedGuests: Rendered {
    /// A guest that was not saved, and why.
    struct Unsaved {
        /// The guest's socket or domain.
        let address: GuestAddress
        /// Why the guest was not saved.
        let error: SnapError
    }

    /// The new checkpoints.
    var saved: [SavedCheckpoint] = []
    /// The guests that do not run.
    var skipped: [Unsaved] = []
    /// The guests whose save has failed.
    var failed: [Unsaved] = []
    /// The error of the last guest whose old checkpoints could not be deleted; nil without one.
    var pruneError: SnapError?

    /// The error of the command; nil if all saves have succeeded.
    var error: SnapError? {
        if failed.isEmpty { return pruneError }
        let count = saved.count + skipped.count + failed.count
        return SnapError(
            .notAllSaved,
            "saving \(failed.count) of \(count.counted("guest")) failed")
    }

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            json.key("saved")
            json.array(saved) { json, checkpoint in checkpoint.writeJSON(&json) }
            for (key, guests) in [("skipped", skipped), ("failed", failed)] {
                json.key(key)
                json.array(guests) { json, guest in Self.write(guest, to: &json) }
            }
        }
    }

    private static func write(_ guest: Unsaved, to json: inout JSONWriter) {
        json.object { json in
            switch guest.address {
            case .socket(let path): json.field("socket", path.string)
            case .domain(let name, _): json.field("domain", name)
            }
            json.field("code", Int(guest.error.code.rawValue))
            json.field("message", guest.error.message)
        }
    }

    func writeText(_ output: inout TextOutput) {
        let counts = [
            saved.count.counted("guest") + " saved",
            skipped.isEmpty ? nil : "\(skipped.count) skipped",
            failed.isEmpty ? nil : "\(failed.count) failed",
        ]
        output.write(counts.compactMap(\.self).joined(separator: ", ") + "\n")
    }
}
