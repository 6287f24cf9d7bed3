import GuestMemory
import SnapEngine
import SnapSystem

/// What `map` shows: a line of cells for each stretch of memory.
struct DrawnMap: Rendered {
    /// The map.
    let map: MemoryMap
    /// How many cells a line has.
    let columnCount: Int

    private static let rowCountMax = 24

    /// How many cells a line has: a power of two that leaves room for the address.
    ///
    /// - Parameter terminal: Where it goes; nil if that is no terminal.
    static func columnCount(on terminal: Terminal?) -> Int {
        let room = (terminal?.columnCount ?? 80) - 14
        var count = 8
        while count * 2 <= min(room, 128) { count *= 2 }
        return count
    }

    /// How many cells a RAM block has at most.
    ///
    /// - Parameter columnCount: How many cells a line has.
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

    /// Writes the cells, without what they mean.
    func writeQuiet(_ output: inout TextOutput) {
        for block in map.blocks { writeCells(of: block, to: &output) }
    }

    func writeText(_ output: inout TextOutput) {
        for block in map.blocks {
            let cell = (block.pagesPerCell * Page.byteCount).asByteCount
            output.write(
                "\(map.checkpoint.name)  \(block.ram.shownName.printable)  "
                    + "\(block.ram.byteCount.asByteCount), a cell is \(cell)\n")
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

    /// A line of cells; neighbours in a state are set off together.
    private static func line(
        _ cells: ArraySlice<PageStateCounts>, on terminal: Terminal?
    ) -> String {
        var text = ""
        var rest = cells[...]
        while let state = rest.first?.most {
            let run = rest.prefix { $0.most == state }
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

    /// So many cells in a row.
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
        case .stored: "stored whole"
        }
    }
}

extension PageStateCounts {
    /// The most that happened here: the last state, in their order, that any page has.
    var most: PageState { PageState.allCases.last { self[$0] > 0 } ?? .zero }

    fileprivate func writeFields(_ json: inout JSONWriter) {
        for state in PageState.allCases { json.field(state.rawValue, self[state]) }
    }

    fileprivate func legend(on terminal: Terminal?) -> String {
        PageState.allCases.map { state in
            "\(state.drawn(1, on: terminal)) \(self[state].grouped) \(state.words)"
        }.joined(separator: "   ") + "\n"
    }
}
