import GuestMemory

extension MemoryLoss {
    private static let shownRunCount = 4

    /// Writes the fields of the loss's JSON object, in the order of snap(1).
    ///
    /// - Parameter json: An open object.
    func writeFields(_ json: inout JSONWriter) {
        json.field("ramBlock", ram.name)
        json.field("pageCount", pageCount)
        json.field("isListed", isListed)
        json.key("ranges")
        json.array(pages) { json, run in
            json.object { json in
                json.field("firstPage", run.lowerBound)
                json.field("pageCount", run.count)
            }
        }
    }

    /// The number of lost pages and the addresses of the first runs.
    var shownText: String {
        let runs = pages.prefix(Self.shownRunCount).map { $0.addresses(in: ram) }
        let more = pages.count - runs.count
        let least = isListed ? "" : "at least "
        let rest = more > 0 ? " and \(least)\(more.counted("more range"))" : ""
        return "\(pageCount.grouped) of \(ram.pageCount.counted("page")) lost"
            + " in \(ram.shownName.printable): \(runs.joined(separator: ", "))\(rest)"
    }
}
