import GuestMemory
import SnapSystem

// The charts of a guest's history.
extension GuestHistory {
    /// Writes the legend and the charts.
    func write(_ page: inout HTMLWriter) {
        page.element("ul", ["class": "legend"]) { list in
            for (style, words) in [
                ("full", "full"), ("incremental", "incremental"), ("deleted", "deleted"),
            ] {
                list.element("li") { item in
                    item.element("span", ["class": "swatch \(style)", "aria-hidden": "true"])
                    item.text(words)
                }
            }
        }
        page.element("div", ["class": "pair"]) { pair in
            for chart in [storedChart, changedChart, countChart, diskChart] { chart.write(&pair) }
        }
    }

    private var storedChart: Timeline {
        chart(
            of: "Bytes stored", marks: Timeline.byteMarks, value: \.storedByteCount,
            text: \.asByteCount)
    }

    private var changedChart: Timeline {
        chart(of: "Pages changed", marks: Timeline.countMarks, value: \.changedPageCount) {
            $0.counted("page")
        }
    }

    /// A chart with the sum of a value for each slot that has checkpoints.
    private func chart(
        of name: String, marks: [Timeline.Mark], value: (Slot) -> Int, text: (Int) -> String
    ) -> Timeline {
        let bars = slots.indices.filter { !slots[$0].kept.isEmpty }.map { index in
            let slot = slots[index]
            return Timeline.Bar(
                slot: index, values: 0..<max(1, value(slot)),
                style: slot.hasFull ? "full" : "incremental",
                text: "\(axis.text(of: index)): \(slot.names): \(text(value(slot)))")
        }
        let highest = bars.map(\.values.upperBound).max() ?? 0
        return Timeline(
            title: "\(name) per \(axis.periodName)", axis: axis, bars: bars,
            summary: "\(bars.count.counted("bar")), at most \(text(highest))", isLogarithmic: true,
            marks: marks)
    }

    /// A chart of the checkpoints that exist and those that are deleted.
    private var countChart: Timeline {
        var bars: [Timeline.Bar] = []
        for (index, slot) in slots.enumerated() {
            let kept = slot.kept.count
            let text =
                "\(axis.text(of: index)): \(kept.grouped) kept, "
                + "\(slot.deletedCount.grouped) deleted"
            if kept > 0 {
                bars.append(
                    Timeline.Bar(slot: index, values: 0..<kept, style: "incremental", text: text))
            }
            if slot.deletedCount > 0 {
                bars.append(
                    Timeline.Bar(
                        slot: index, values: kept..<kept + slot.deletedCount, style: "deleted",
                        text: text))
            }
        }
        let kept = slots.reduce(0) { $0 + $1.kept.count }
        let deleted = slots.reduce(0) { $0 + $1.deletedCount }
        let highest = slots.map { $0.kept.count + $0.deletedCount }.max() ?? 0
        return Timeline(
            title: "Checkpoints kept and deleted per \(axis.periodName)", axis: axis, bars: bars,
            summary: "\(kept.grouped) kept, \(deleted.grouped) deleted", isLogarithmic: false,
            marks: [Timeline.Mark(value: max(1, highest), text: max(1, highest).grouped)])
    }

    /// A chart of the disk use of all files that were written up to a time and still exist.
    private var diskChart: Timeline {
        let bars = slots.enumerated().map { index, slot in
            Timeline.Bar(
                slot: index, values: 0..<max(1, slot.diskByteCount), style: "disk",
                text: "\(axis.text(of: index)): \(slot.diskByteCount.asByteCount)")
        }
        let highest = slots.last?.diskByteCount ?? 0
        return Timeline(
            title: "Disk use of the files written until then", axis: axis, bars: bars,
            summary: "now \(highest.asByteCount)", isLogarithmic: false,
            marks: [Timeline.Mark(value: max(1, highest), text: highest.asByteCount)])
    }
}
