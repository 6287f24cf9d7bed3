import GuestMemory
import SnapEngine
import SnapSystem

/// A guest's section of the page: charts of its checkpoints, memory maps, and a table.
extension Summarize.Guest {
    /// The numbers of checkpoints in the table that are possible; there are fewer with many guests.
    private static let listedCounts = 20...500
    /// The number of checkpoints in the tables of all guests together, approximately.
    private static let totalListedCount = 2000

    /// The section's id, which links refer to.
    var anchor: String { "guest-\(name)" }

    /// Writes the guest's section.
    ///
    /// - Parameters:
    ///   - page: The page.
    ///   - guestCount: The number of guests on the page.
    func write(_ page: inout HTMLWriter, among guestCount: Int) {
        page.element("section", ["aria-labelledby": anchor]) { section in
            section.element("h2", name.description, with: ["id": anchor])
            section.element("p", summary)
            if !checkpoints.isEmpty {
                GuestHistory(of: self, among: guestCount)?.write(&section)
                for map in maps { map.write(&section) }
                if let mapFailure {
                    section.element("p", "Cannot draw the memory map: \(mapFailure.description)")
                }
                writeList(&section, among: guestCount)
            }
        }
    }

    private var summary: String {
        let current = checkpoints.last?.memoryByteCount.asByteCount ?? "none"
        return "\(checkpoints.count.counted("checkpoint")). Memory of the newest: \(current). "
            + "Stored in total: \(storedByteCount.asByteCount). "
            + "Ratio: \(ReportPage.ratio(checkpoints.memoryByteCount, storedByteCount))."
    }

    private func writeList(_ page: inout HTMLWriter, among guestCount: Int) {
        let (least, most) = (Self.listedCounts.lowerBound, Self.listedCounts.upperBound)
        let count = min(max(Self.totalListedCount / max(1, guestCount), least), most)
        let listed = checkpoints.suffix(count).reversed()
        page.element("details") { details in
            let which =
                listed.count < checkpoints.count
                ? "The newest \(listed.count) checkpoints" : "All checkpoints"
            details.element("summary", "\(which) as a table")
            details.table(
                named: "Checkpoints of \(name)",
                [
                    "Checkpoint", "Time", "Kind", "Pages changed", "Stored", "Codec", "Devices",
                    "Label",
                ],
                numeric: [3, 4, 6]
            ) { table in
                for checkpoint in listed { checkpoint.writeRow(&table) }
            }
        }
    }
}

extension Checkpoint {
    fileprivate func writeRow(_ page: inout HTMLWriter) {
        page.element("tr") { row in
            row.element("th", name.description, with: ["scope": "row"])
            row.element("td") { $0.time(createdAt) }
            row.element("td", kind + (parentNumber.map { " of \($0)" } ?? ""))
            row.element("td", pages.changed.grouped, with: ["class": "n"])
            row.element("td", storedByteCount.asByteCount, with: ["class": "n"])
            row.element("td", codec.rawValue)
            row.element("td", deviceSectionCount.grouped, with: ["class": "n"])
            row.element("td", label ?? "")
        }
    }
}
