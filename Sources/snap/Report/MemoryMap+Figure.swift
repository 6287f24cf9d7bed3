import GuestMemory
import SnapEngine
import SnapSystem

/// A map of memory as a figure: each cell the colour of the most that happened in it, the stronger
/// the more of its pages it happened to.
extension MemoryMap {
    /// How many cells a row has, and how many rows there are at most.
    static let figureColumnCount = 64
    private static let figureRowCountMax = 40
    private static let figureCountMax = 16

    /// How many cells a block is to have for a figure.
    static var figureCellCountMax: Int { figureColumnCount * figureRowCountMax }

    /// Writes a figure for each RAM block, and the legend.
    func write(_ page: inout HTMLWriter) {
        page.element("section", ["class": "map"]) { section in
            section.element("h3", "Memory of \(checkpoint.name)")
            writeLegend(&section)
            section.element(
                "p",
                "A cell shows the most that happened in it, the stronger the more of its pages.",
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
                    "p", "\(rest.counted("smaller RAM block")) not drawn.",
                    with: ["class": "note"])
            }
        }
    }

    /// The blocks that fill a row: ROMs and the like would be many lines of nothing.
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

/// How a cell looks; neighbours that look the same are drawn as one.
private struct CellLook: Equatable {
    let state: PageState
    /// 1 for a few of its pages, 3 for most of them.
    let strength: Int

    init(_ counts: PageStateCounts) {
        state = counts.most
        let share = Double(counts[state]) / Double(max(1, counts.total))
        strength = share < 0.1 ? 1 : share < 0.5 ? 2 : 3
    }

    var classes: String { "\(state.rawValue) s\(strength)" }
}

extension PageState {
    /// What a cell of it means.
    fileprivate var meaning: String {
        switch self {
        case .zero: "zero"
        case .unchanged: "unchanged"
        case .delta: "stored as a difference"
        case .stored: "stored whole"
        }
    }
}

extension MemoryMap.Block {
    private var cellByteCount: Int { pagesPerCell * Page.byteCount }

    fileprivate var caption: String {
        let row = min(MemoryMap.figureColumnCount, cells.count) * cellByteCount
        return "RAM block \(ram.shownName), \(ram.byteCount.asByteCount): a cell is "
            + "\(cellByteCount.asByteCount), a row \(row.asByteCount), "
            + "address 0 at the top left."
    }

    fileprivate func writeCells(_ page: inout HTMLWriter) {
        let columnCount = MemoryMap.figureColumnCount
        let rowCount = (cells.count - 1) / columnCount + 1
        var sum = PageStateCounts()
        for cell in cells { sum.add(cell) }
        let label =
            "Map of \(ram.shownName): \(sum[.zero].grouped) pages zero, "
            + "\(sum[.unchanged].grouped) unchanged, \(sum[.delta].grouped) stored as differences, "
            + "\(sum[.stored].grouped) stored whole."
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
