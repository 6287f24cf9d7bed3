import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

extension Verify.Outcome: Rendered {
    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            json.field("isIntact", isIntact)
            json.field("checkedPageCount", checkedPageCount)
            if let verifiedFileCount {
                json.field("verifiedFileCount", verifiedFileCount)
                json.field("remainingFileCount", remainingFileCount)
            }
            json.key("checkpoints")
            json.array(verdicts) { json, verdict in json.object { verdict.writeFields(&$0) } }
            json.key("damage")
            json.array(damage) { json, error in
                json.object { json in
                    json.field("message", error.message)
                    json.field("path", error.path?.string)
                    json.field("offset", error.offset)
                }
            }
        }
    }

    /// Writes the names of damaged checkpoints, one per line.
    func writeQuiet(_ output: inout TextOutput) {
        for verdict in verdicts where !verdict.isIntact { output.write("\(verdict.name)\n") }
    }

    /// Writes one line per guest, and one per damaged checkpoint.
    func writeText(_ output: inout TextOutput) {
        let terminal = output.terminal
        var rest = verdicts[...]
        while let guest = rest.first?.name.guest {
            let group = rest.prefix { $0.name.guest == guest }
            rest = rest.dropFirst(group.count)
            let damaged = group.filter { !$0.isIntact }
            output.write("\(guest)  \(group.count.counted("checkpoint"))  ")
            if damaged.isEmpty {
                output.write(Style.good("intact", on: terminal) + "\n")
                continue
            }
            output.write(Style.bad("\(damaged.count.grouped) damaged", on: terminal) + "\n")
            for verdict in damaged {
                output.write("  \(verdict.name)  \(verdict.lossDescription)\n")
            }
        }
        output.write("\(checkedPageCount.counted("stored page")) checked")
        if let verifiedFileCount {
            output.write(
                "; \(verifiedFileCount.counted("file")) verified, "
                    + "\(remainingFileCount.grouped) left for the next run")
        }
        output.write("\n")
    }
}

extension Verify.Verdict {
    fileprivate func writeFields(_ json: inout JSONWriter) {
        json.field("guest", name.guest.description)
        json.field("number", name.number)
        json.field("isIntact", isIntact)
        json.field("isLost", isLost)
        json.field("isDeviceStateLost", isDeviceStateLost)
        json.key("lostPages")
        json.array(losses) { json, loss in json.object { loss.writeFields(&$0) } }
    }

    /// A description of the lost parts: page ranges, device state, or the complete checkpoint.
    fileprivate var lossDescription: String {
        if isLost { return "lost: its file cannot be read" }
        var parts = losses.map(\.shownText)
        if isDeviceStateLost { parts.append("device state lost") }
        return parts.joined(separator: "; ")
    }
}
