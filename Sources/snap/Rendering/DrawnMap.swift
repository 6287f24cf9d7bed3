import GuestMemory
import SnapEngine
import SnapSystem

/// The result of `snap map`: lines of cells, each line for one range of memory.
struct DrawnMap: Rendered {
    /// The map to draw.
    let map: MemoryMap
    /// The number of cells in a line.
    let columnCount: Int

    private static let rowCountMax = 24

    /// Chooses the number of cells in a line, so that the address fits in front of them.
    ///
    /// - Parameter terminal: The terminal to draw on; nil to assume 80 columns.
    /// - Returns: A power of two from 8 to 128.
    static func columnCount(on terminal: Terminal?) -> Int {
        let room = (terminal?.columnCount ?? 80) - 14
        var count = 8
        while count * 2 <= min(room, 128) { count *= 2 }
        return count
    }

    /// Returns the maximum number of cells for a RAM block.
    ///
    /// - Parameter columnCount: The number of cells in a line.
    static func cellCountMax(columnCount: Int) -> Int { columnCount * rowCountMax }

    func writeJSON(_ json: inout JSONWriter) {
        json.object { json in
            json.field("guest", map.checkpoint.guest.description)
            json.field("number", map.checkpoint.number)
            json.key("pages")
            json.object { map.counts.writeFields(&$0) }
            json.key("ramBlocks")
            json.array(map.blocks) { json, block in
                json.object { json in
                    json.field("name", block.ram.name)
                    json.field("byteCount", block.ram.byteCount)
                    json.field("pagesPerCell", block.pagesPerCell)
                    json.key("cells")
                    json.array(block.cells) { json, cell in
                        json.object { cell.writeFields(&$0) }
                    }
                }
            }
        }
    }

    /// Writes the cells without headings and legend.
    func writeQuiet(_ output: inout TextOutput) {
        for block in map.blocks { writeCells(of: block, to: &output) }
    }

    func writeText(_ output: inout TextOutput) {
        for block in map.blocks {
            let cell = (block.pagesPerCell * Page.byteCount).asByteCount
            output.write(
                "\(map.checkpoint.name)  \(block.ram.shownName.printable)  "
                    + "\(block.ram.byteCount.asByteCount), \(cell) per cell\n")
            writeCells(of: block, to: &output)
        }
        output.write(map.counts.legend(on: output.terminal))
    }

    private func writeCells(of block: MemoryMap.Block, to output: inout TextOutput) {
        for start in stride(from: 0, to: block.cells.count, by: columnCount) {
            let cells = block.cells[start..<min(start + columnCount, block.cells.count)]
            let address = block.ram.address(start * block.pagesPerCell * Page.byteCount)
            output.write(address + "  " + Self.line(cells, on: output.terminal) + "\n")
        }
    }

    /// Draws a line of cells, with one style sequence per run of cells in the same state.
    private static func line(
        _ cells: ArraySlice<PageStateCounts>, on terminal: Terminal?
    ) -> String {
        var text = ""
        var rest = cells[...]
        while let state = rest.first?.greatestChange {
            let run = rest.prefix { $0.greatestChange == state }
            text += state.drawn(run.count, on: terminal)
            rest = rest.dropFirst(run.count)
        }
        return text
    }
}

extension PageState {
    private var character: Character {
        switch self {
        case .zero: "·"
        case .unchanged: "░"
        case .delta: "▒"
        case .stored: "█"
        }
    }

    /// Draws a number of adjacent cells in this state.
    fileprivate func drawn(_ count: Int, on terminal: Terminal?) -> String {
        let text = String(repeating: String(character), count: count)
        return switch self {
        case .zero: Style.faint(text, on: terminal)
        case .unchanged: text
        case .delta: Style.delta(text, on: terminal)
        case .stored: Style.stored(text, on: terminal)
        }
    }

    fileprivate var words: String {
        switch self {
        case .zero: "zero"
        case .unchanged: "unchanged"
        case .delta: "stored as deltas"
        case .stored: "stored in full"
        }
    }
}

extension PageStateCounts {
    /// The greatest change of any page: the last state, in the order of the cases, that occurs.
    var greatestChange: PageState { PageState.allCases.last { self[$0] > 0 } ?? .zero }

    fileprivate func writeFields(_ json: inout JSONWriter) {
        for state in PageState.allCases { json.field(state.rawValue, self[state]) }
    }

    fileprivate func legend(on terminal: Terminal?) -> String {
        PageState.allCases.map { state in
            "\(state.drawn(1, on: terminal)) \(self[state].grouped) \(state.words)"
        }.joined(separator: "   ") + "\n"
    }
}
