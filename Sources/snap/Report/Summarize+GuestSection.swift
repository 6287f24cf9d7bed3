import GuestMemory
import SnapEngine
import SnapSystem

/// A guest's section of the page: charts of its checkpoints, memory maps, and a table.
extension Summarize.Guest {
    /// The maximum number of checkpoints in a chart.
    private static let drawnCountMax = 120
    /// The maximum number of checkpoints in the table.
    private static let listedCountMax = 500

    /// The section's id, which links refer to.
    var anchor: String { "guest-\(name)" }

    /// Writes the guest's section.
    func write(_ page: inout HTMLWriter) {
        page.element("section", ["aria-labelledby": anchor]) { section in
            section.element("h2", name.description, with: ["id": anchor])
            section.element("p", summary)
            if !checkpoints.isEmpty {
                writeTimelines(&section)
                for map in maps { map.write(&section) }
                if let mapFailure {
                    section.element("p", "Cannot draw the memory map: \(mapFailure.description)")
                }
                writeList(&section)
            }
        }
    }

    private var summary: String {
        let current = checkpoints.last?.memoryByteCount.asByteCount ?? "none"
        return "\(checkpoints.count.counted("checkpoint")). Memory of the newest: \(current). "
            + "Stored in total: \(storedByteCount.asByteCount). "
            + "Ratio: \(ReportPage.ratio(checkpoints.memoryByteCount, storedByteCount))."
    }

    private func writeTimelines(_ page: inout HTMLWriter) {
        let drawn = checkpoints.suffix(Self.drawnCountMax)
        if drawn.count < checkpoints.count {
            page.element(
                "p",
                "The charts show the newest \(drawn.count) of "
                    + "\(checkpoints.count.grouped) checkpoints.",
                with: ["class": "note"])
        }
        page.element("ul", ["class": "legend"]) { list in
            for (kind, words) in [("full", "full"), ("incremental", "incremental")] {
                list.element("li") { item in
                    item.element("span", ["class": "swatch \(kind)", "aria-hidden": "true"])
                    item.text(words)
                }
            }
        }
        page.element("div", ["class": "pair"]) { pair in
            Timeline(
                title: "Bytes stored by each checkpoint",
                bars: drawn.map { checkpoint in
                    let value = checkpoint.storedByteCount
                    return Timeline.Bar(checkpoint, value, text: value.asByteCount)
                }, marks: Timeline.byteMarks
            ).write(&pair)
            Timeline(
                title: "Pages changed since the parent",
                bars: drawn.map { checkpoint in
                    let value = checkpoint.pages.changed
                    return Timeline.Bar(checkpoint, value, text: value.counted("page"))
                }, marks: Timeline.countMarks
            ).write(&pair)
        }
    }

    private func writeList(_ page: inout HTMLWriter) {
        let listed = checkpoints.suffix(Self.listedCountMax).reversed()
        page.element("details") { details in
            let which =
                listed.count < checkpoints.count
                ? "The newest \(listed.count) checkpoints" : "All checkpoints"
            details.element("summary", "\(which) as a table")
            details.table(
                named: "Checkpoints of \(name)",
                ["Checkpoint", "Time", "Kind", "Pages changed", "Stored", "Devices", "Label"],
                numeric: [3, 4, 5]
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
            row.element("td", deviceSectionCount.grouped, with: ["class": "n"])
            row.element("td", label ?? "")
        }
    }
}
