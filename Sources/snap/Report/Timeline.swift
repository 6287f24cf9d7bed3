import Foundation
import GuestMemory
import SnapSystem

/// A bar chart of checkpoints, the oldest first.
///
/// The scale is logarithmic, because a full checkpoint can be thousands of times as large as an
/// incremental one, and both must be visible.
struct Timeline {
    /// A checkpoint's bar.
    struct Bar {
        let checkpoint: Checkpoint
        let value: Int
        /// The value with its unit, as shown to the reader.
        let text: String

        init(_ checkpoint: Checkpoint, _ value: Int, text: String) {
            self.checkpoint = checkpoint
            self.value = value
            self.text = text
        }
    }

    /// A horizontal line across the chart, with a label.
    struct Mark {
        let value: Int
        let text: String
    }

    /// The chart's caption.
    let title: String
    let bars: [Bar]
    let marks: [Mark]

    /// Marks for a chart of bytes.
    static let byteMarks = [
        Mark(value: 1 << 10, text: "1 KiB"), Mark(value: 1 << 20, text: "1 MiB"),
        Mark(value: 1 << 30, text: "1 GiB"), Mark(value: 1 << 40, text: "1 TiB"),
    ]
    /// Marks for a chart of page counts.
    static let countMarks = [
        Mark(value: 1, text: "1"), Mark(value: 1000, text: "1,000"),
        Mark(value: 1_000_000, text: "1,000,000"), Mark(value: 1_000_000_000, text: "10⁹"),
    ]

    /// The minimum number of bars to leave room for, so that few bars are not drawn too wide.
    private static let slotCountMin = 16
    private static let height = 100.0

    /// Writes the chart as a figure.
    func write(_ page: inout HTMLWriter) {
        page.element("figure", ["class": "timeline"]) { figure in
            figure.element("figcaption", title)
            figure.element("div", ["class": "plot"]) { plot in
                for mark in marks where mark.value <= top {
                    let place = String(format: "%.1f", scaled(mark.value))
                    plot.element("div", ["class": "mark", "style": "bottom:\(place)%"]) { line in
                        line.element("span", mark.text)
                    }
                }
                writeBars(&plot)
            }
            figure.element("p", ["class": "ends"]) { ends in
                bars.first.map { ends.time($0.checkpoint.createdAt) }
                if bars.count > 1, let last = bars.last {
                    ends.text(" to ")
                    ends.time(last.checkpoint.createdAt)
                }
                ends.text(", logarithmic scale")
            }
        }
    }

    private func writeBars(_ page: inout HTMLWriter) {
        let count = max(bars.count, Self.slotCountMin)
        page.element(
            "svg",
            [
                "viewBox": "0 0 \(count) \(Int(Self.height))", "preserveAspectRatio": "none",
                "role": "img", "aria-label": description,
            ]
        ) { svg in
            for (index, bar) in bars.enumerated() {
                let height = scaled(bar.value)
                svg.element(
                    "rect",
                    [
                        "class": bar.checkpoint.parentNumber == nil ? "full" : "incremental",
                        "x": String(format: "%.2f", Double(index) + 0.1), "width": "0.8",
                        "y": String(format: "%.1f", Self.height - height),
                        "height": String(format: "%.1f", height),
                    ]
                ) { rect in
                    rect.element(
                        "title",
                        "\(bar.checkpoint.name), \(bar.checkpoint.createdAt.rfc3339), "
                            + "\(bar.checkpoint.kind): \(bar.text)")
                }
            }
        }
    }

    /// A summary of the chart for screen readers; the table contains all numbers.
    private var description: String {
        guard let last = bars.last, let most = bars.max(by: { $0.value < $1.value }) else {
            return title
        }
        return "\(title): \(bars.count.counted("bar")). Highest: \(most.text) in "
            + "\(most.checkpoint.name). Newest: \(last.text) in \(last.checkpoint.name)."
    }

    // MARK: Scale

    /// The value at the top of the chart, above the highest bar.
    private var top: Int {
        let highest = bars.reduce(0) { max($0, $1.value) }
        return max(highest.multipliedClamped(by: 2), (marks.first?.value ?? 1) * 4)
    }

    /// The height of a value's bar, 0 to 100.
    private func scaled(_ value: Int) -> Double {
        let bottom = Double(marks.first?.value ?? 1) / 2
        guard value > 0 else { return 0 }
        let share = log(max(Double(value), bottom) / bottom) / log(Double(top) / bottom)
        // Even the smallest value gets a visible bar.
        return max(1, share * Self.height)
    }
}
