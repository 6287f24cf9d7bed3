import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// How what `verify` found is shown.
extension Verify.Outcome {
    /// Everything as one JSON object.
    var json: String {
        var json = JSONWriter()
        json.object { json in
            json.field("isWhole", isWhole)
            json.field("checkedPageCount", checkedPageCount)
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
        return json.text + "\n"
    }

    /// The references of damaged checkpoints, one on a line.
    var references: String {
        verdicts.filter { !$0.isWhole }.map { $0.reference + "\n" }.joined()
    }

    /// A line for each guest, and one for each damaged checkpoint.
    ///
    /// - Parameter terminal: Where it goes; nil if that is no terminal.
    func text(on terminal: Terminal?) -> String {
        var lines = ""
        var rest = verdicts[...]
        while let guest = rest.first?.guest {
            let group = rest.prefix { $0.guest == guest }
            rest = rest.dropFirst(group.count)
            let damaged = group.filter { !$0.isWhole }
            lines += "\(guest)  \(group.count.counted("checkpoint"))  "
            if damaged.isEmpty {
                lines += Style.good("whole", on: terminal) + "\n"
                continue
            }
            lines += Style.bad("\(damaged.count.grouped) damaged", on: terminal) + "\n"
            for verdict in damaged {
                lines += "  \(verdict.reference)  \(verdict.lossesInWords)\n"
            }
        }
        return lines + "\(checkedPageCount.counted("stored page")) checked\n"
    }
}

extension Verify.Verdict {
    private static let shownRunCount = 4

    fileprivate func writeFields(_ json: inout JSONWriter) {
        json.field("guest", guest.description)
        json.field("number", number)
        json.field("isWhole", isWhole)
        json.field("isLost", isLost)
        json.field("isDeviceStateLost", isDeviceStateLost)
        json.key("lostPages")
        json.array(losses) { json, loss in
            json.object { json in
                json.field("ramBlock", loss.block.name)
                json.field("pageCount", loss.pageCount)
                json.key("ranges")
                json.array(loss.pages) { json, run in
                    json.object { json in
                        json.field("firstPage", run.lowerBound)
                        json.field("pageCount", run.count)
                    }
                }
            }
        }
    }

    /// What is lost, in words.
    fileprivate var lossesInWords: String {
        if isLost { return "lost: its file cannot be read" }
        var parts = losses.map { loss in
            let runs = loss.pages.prefix(Self.shownRunCount).map { $0.addresses(in: loss.block) }
            let more = loss.pages.count - runs.count
            let rest = more > 0 ? " and \(more.counted("more range"))" : ""
            return "\(loss.pageCount.grouped) of \(loss.block.pageCount.counted("page")) lost"
                + " in \(loss.block.shownName.printable): \(runs.joined(separator: ", "))\(rest)"
        }
        if isDeviceStateLost { parts.append("device state lost") }
        return parts.joined(separator: "; ")
    }
}

extension Verify.Losses {
    /// How many pages are lost.
    fileprivate var pageCount: Int { pages.reduce(0) { $0 + $1.count } }
}
