import Foundation
import GuestMemory
import SnapSystem

/// A chart over a time axis.
///
/// A logarithmic scale shows values that differ by a factor of thousands, such as the bytes of full
/// and of incremental checkpoints.
struct Timeline {
    /// A bar of a slot, or a part of one.
    struct Bar {
        let slot: Int
        /// The values between which the bar is drawn.
        let values: Range<Int>
        /// The class in the style sheet.
        let style: String
        /// What the reader sees when pointing at the bar.
        let text: String
    }

    /// A horizontal line across the chart, with a label.
    struct Mark {
        let value: Int
        let text: String
    }

    /// The chart's caption.
    let title: String
    let axis: TimeAxis
    let bars: [Bar]
    /// A description of the chart for screen readers.
    let summary: String
    let isLogarithmic: Bool
    /// The lines; nil to mark the highest value.
    let marks: [Mark]

    /// Marks for a logarithmic chart of bytes.
    static let byteMarks = [
        Mark(value: 1 << 10, text: "1 KiB"), Mark(value: 1 << 20, text: "1 MiB"),
        Mark(value: 1 << 30, text: "1 GiB"), Mark(value: 1 << 40, text: "1 TiB"),
    ]
    /// Marks for a logarithmic chart of page counts.
    static let countMarks = [
        Mark(value: 1, text: "1"), Mark(value: 1000, text: "1,000"),
        Mark(value: 1_000_000, text: "1,000,000"), Mark(value: 1_000_000_000, text: "10⁹"),
    ]

    private static let height = 100.0

    /// Writes the chart as a figure.
    func write(_ page: inout HTMLWriter) {
        page.element("figure", ["class": "timeline"]) { figure in
            figure.element("figcaption", title + (isLogarithmic ? ", logarithmic scale" : ""))
            figure.element("div", ["class": "plot"]) { plot in
                writeBars(&plot)
                for mark in marks where mark.value <= top {
                    let place = String(format: "%.1f", scaled(mark.value))
                    plot.element("div", ["class": "mark", "style": "bottom:\(place)%"]) { line in
                        line.element("span", mark.text)
                    }
                }
            }
            figure.element("div", ["class": "ends"]) { ends in
                for slot in axis.labeledSlots { ends.element("span", axis.text(of: slot)) }
            }
        }
    }

    private func writeBars(_ page: inout HTMLWriter) {
        page.element(
            "svg",
            [
                "viewBox": "0 0 \(axis.slotCount) \(Int(Self.height))",
                "preserveAspectRatio": "none", "role": "img", "aria-label": "\(title): \(summary)",
            ]
        ) { svg in
            for bar in bars {
                let start = bar.values.lowerBound == 0 ? 0 : scaled(bar.values.lowerBound)
                let end = scaled(bar.values.upperBound)
                svg.element(
                    "rect",
                    [
                        "class": bar.style, "x": "\(bar.slot).1", "width": ".8",
                        "y": String(format: "%.1f", Self.height - end),
                        "height": String(format: "%.1f", end - start),
                    ]
                ) { $0.element("title", bar.text) }
            }
        }
    }

    // MARK: Scale

    /// The value at the top of the chart, above the highest bar.
    private var top: Int {
        let highest = bars.reduce(0) { max($0, $1.values.upperBound) }
        return isLogarithmic
            ? max(highest.multipliedClamped(by: 2), (marks.first?.value ?? 1) * 4)
            : max(1, highest.addingClamped(highest / 8))
    }

    /// The height of a value, 0 to 100.
    private func scaled(_ value: Int) -> Double {
        guard value > 0 else { return 0 }
        let bottom = Double(marks.first?.value ?? 1) / 2
        let share =
            isLogarithmic
            ? log(max(Double(value), bottom) / bottom) / log(Double(top) / bottom)
            : Double(value) / Double(top)
        // Even the smallest value gets a visible bar.
        return max(1, share * Self.height)
    }
}
