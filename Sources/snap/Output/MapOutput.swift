import GuestMemory
import SnapEngine
import SnapSystem

/// How a map of memory is drawn in a terminal.
extension MemoryMap {
    /// How many cells a line has: a power of two that leaves room for the address.
    ///
    /// - Parameter terminal: Where it goes; nil if that is no terminal.
    static func columnCount(on terminal: Terminal?) -> Int {
        let room = (terminal?.columnCount ?? 80) - 14
        var count = 8
        while count * 2 <= min(room, 128) { count *= 2 }
        return count
    }

    /// Everything as one JSON object.
    var json: String {
        var json = JSONWriter()
        json.object { json in
            json.field("guest", checkpoint.guest.description)
            json.field("number", checkpoint.number)
            json.key("pages")
            json.object { kinds.writeFields(&$0) }
            json.key("ramBlocks")
            json.array(blocks) { json, block in
                json.object { json in
                    json.field("name", block.block.name)
                    json.field("byteCount", block.block.byteCount)
                    json.field("pagesPerCell", block.pagesPerCell)
                    json.key("cells")
                    json.array(block.cells) { json, cell in
                        json.object { cell.writeFields(&$0) }
                    }
                }
            }
        }
        return json.text + "\n"
    }

    /// The map as lines.
    ///
    /// - Parameters:
    ///   - columnCount: How many cells a line has.
    ///   - terminal: Where it goes; nil if that is no terminal.
    ///   - showsLegend: Whether it is said what the cells mean.
    func text(columnCount: Int, on terminal: Terminal?, showsLegend: Bool) -> String {
        var text = ""
        for block in blocks {
            let cellByteCount = block.pagesPerCell * Page.byteCount
            if showsLegend {
                text +=
                    "\(checkpoint.reference)  \(block.block.shownName.printable)  "
                    + "\(block.block.byteCount.asByteCount), a cell is "
                    + "\(cellByteCount.asByteCount)\n"
            }
            for start in stride(from: 0, to: block.cells.count, by: columnCount) {
                let cells = block.cells[start..<min(start + columnCount, block.cells.count)]
                let address = block.block.address(start * cellByteCount)
                text += address + "  " + Self.line(cells, on: terminal) + "\n"
            }
        }
        return showsLegend ? text + kinds.legend(on: terminal) : text
    }

    /// A line of cells; neighbours of a kind are set off together.
    private static func line(_ cells: ArraySlice<PageKinds>, on terminal: Terminal?) -> String {
        var text = ""
        var rest = cells[...]
        while let shown = rest.first?.shown {
            let run = rest.prefix { $0.shown == shown }
            text += shown.drawn(run.count, on: terminal)
            rest = rest.dropFirst(run.count)
        }
        return text
    }
}

/// What a cell shows.
private enum Shown: Character {
    case zero = "·"
    case unchanged = "░"
    case delta = "▒"
    case stored = "█"

    /// So many cells in a row.
    func drawn(_ count: Int, on terminal: Terminal?) -> String {
        let text = String(repeating: String(rawValue), count: count)
        return switch self {
        case .zero: Style.faint(text, on: terminal)
        case .unchanged: text
        case .delta: Style.delta(text, on: terminal)
        case .stored: Style.stored(text, on: terminal)
        }
    }
}

extension PageKinds {
    /// The most that happened here.
    fileprivate var shown: Shown {
        stored > 0 ? .stored : delta > 0 ? .delta : unchanged > 0 ? .unchanged : .zero
    }

    fileprivate func writeFields(_ json: inout JSONWriter) {
        json.field("zero", zero)
        json.field("unchanged", unchanged)
        json.field("delta", delta)
        json.field("stored", stored)
    }

    fileprivate func legend(on terminal: Terminal?) -> String {
        let parts: [(Shown, Int, String)] = [
            (.zero, zero, "zero"), (.unchanged, unchanged, "unchanged"),
            (.delta, delta, "stored as deltas"), (.stored, stored, "stored whole"),
        ]
        return parts.map { shown, count, name in
            "\(shown.drawn(1, on: terminal)) \(count.grouped) \(name)"
        }.joined(separator: "   ") + "\n"
    }
}
