import GuestMemory
import SnapEngine
import SnapSystem

/// A memory map as figures in the report.
///
/// A cell's color shows the greatest change of any of its pages. The more pages changed in that
/// way, the stronger the color.
extension MemoryMap {
    /// The number of cells in a row.
    static let figureColumnCount = 64
    /// The numbers of rows of a RAM block that are possible; there are fewer with many guests.
    private static let figureRowCounts = 6...40
    /// The number of rows of all guests together, approximately.
    private static let totalRowCount = 400
    /// The maximum number of RAM blocks to draw.
    private static let figureCountMax = 16

    /// Computes the maximum number of cells of a RAM block that is mapped for a figure.
    ///
    /// - Parameter guestCount: The number of guests on the page.
    static func figureCellCountMax(guestCount: Int) -> Int {
        let rowCount = totalRowCount / max(1, guestCount)
        return figureColumnCount
            * min(max(rowCount, figureRowCounts.lowerBound), figureRowCounts.upperBound)
    }

    /// Writes the legend, and a figure for each RAM block that is drawn.
    func write(_ page: inout HTMLWriter) {
        page.element("section", ["class": "map"]) { section in
            section.element("h3", "Memory of \(checkpoint.name)")
            writeLegend(&section)
            section.element(
                "p",
                "A cell has the color of the first of these states that any of its pages is in: "
                    + "stored in full, stored as a delta, unchanged, zero. The more pages are in "
                    + "that state, the stronger the color.",
                with: ["class": "note"])
            for block in drawnBlocks {
                section.element("figure") { figure in
                    figure.element("figcaption", block.caption)
                    figure.element("div", ["class": "cells"]) { block.writeCells(&$0) }
                }
            }
            let rest = blocks.count - drawnBlocks.count
            if rest > 0 {
                section.element(
                    "p", "Not drawn: \(rest.counted("smaller RAM block")).",
                    with: ["class": "note"])
            }
        }
    }

    /// The blocks to draw: those longer than a row, or all if none is.
    ///
    /// A guest has many ROMs and other small blocks, whose figures would show nothing of interest.
    private var drawnBlocks: [Block] {
        let long = blocks.filter { $0.cells.count > Self.figureColumnCount }
        return Array((long.isEmpty ? blocks : long).prefix(Self.figureCountMax))
    }

    private func writeLegend(_ page: inout HTMLWriter) {
        let sum = counts
        page.element("ul", ["class": "legend"]) { list in
            for state in PageState.allCases {
                let count = sum[state]
                let tenths = count * 1000 / max(1, sum.total)
                let share = "\(tenths / 10).\(tenths % 10) %"
                list.element("li") { item in
                    item.element(
                        "span", ["class": "swatch \(state.rawValue)", "aria-hidden": "true"])
                    item.text("\(state.meaning): \(count.counted("page")) (\(share))")
                }
            }
        }
    }
}

/// A cell's appearance; adjacent cells with the same appearance are drawn as one rectangle.
private struct CellLook: Equatable {
    let state: PageState
    /// The strength of the color: 1 if less than a tenth of the pages are in the state, 2 if less
    /// than half are, else 3.
    let strength: Int

    init(_ counts: PageStateCounts) {
        state = counts.greatestChange
        let share = Double(counts[state]) / Double(max(1, counts.total))
        strength = share < 0.1 ? 1 : share < 0.5 ? 2 : 3
    }

    var classes: String { "\(state.rawValue) s\(strength)" }
}

extension PageState {
    /// The state's name in the legend.
    fileprivate var meaning: String {
        switch self {
        case .zero: "zero"
        case .unchanged: "unchanged"
        case .delta: "stored as a delta"
        case .stored: "stored in full"
        }
    }
}

extension MemoryMap.Block {
    private var cellByteCount: Int { pagesPerCell * Page.byteCount }

    fileprivate var caption: String {
        let row = min(MemoryMap.figureColumnCount, cells.count) * cellByteCount
        return "RAM block \(ram.shownName), \(ram.byteCount.asByteCount): "
            + "\(cellByteCount.asByteCount) per cell, \(row.asByteCount) per row, "
            + "address 0 at the top left."
    }

    fileprivate func writeCells(_ page: inout HTMLWriter) {
        let columnCount = MemoryMap.figureColumnCount
        let rowCount = (cells.count - 1) / columnCount + 1
        var sum = PageStateCounts()
        for cell in cells { sum.add(cell) }
        let label =
            "Map of \(ram.shownName): \(sum[.zero].grouped) pages zero, "
            + "\(sum[.unchanged].grouped) unchanged, \(sum[.delta].grouped) stored as deltas, "
            + "\(sum[.stored].grouped) stored in full."
        page.element(
            "svg",
            [
                "viewBox": "0 0 \(columnCount) \(rowCount)", "role": "img", "aria-label": label,
                "shape-rendering": "crispEdges",
            ]
        ) { svg in
            for row in 0..<rowCount { writeRow(row, &svg) }
        }
    }

    private func writeRow(_ row: Int, _ page: inout HTMLWriter) {
        let start = row * MemoryMap.figureColumnCount
        let looks = cells[start..<min(start + MemoryMap.figureColumnCount, cells.count)]
            .map { CellLook($0) }
        var column = 0
        while column < looks.count {
            let look = looks[column]
            let width = looks[column...].prefix { $0 == look }.count
            page.element(
                "rect",
                [
                    "class": look.classes, "x": "\(column)", "y": "\(row)", "width": "\(width)",
                    "height": "1",
                ])
            column += width
        }
    }
}
