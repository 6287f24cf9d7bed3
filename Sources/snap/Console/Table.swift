import SnapSystem

/// A table of text whose columns are as wide as their longest cell.
///
/// A table too wide for the terminal is reduced until it fits: the shrinkable column gets narrower,
/// then spare columns are left out, and finally lines are cut.
struct Table {
    /// A column's title, alignment and priority.
    struct Column {
        /// How important the column is when the table is too wide.
        enum Need: Equatable {
            /// The column is always shown at full width.
            case always
            /// The column's cells are cut to the remaining width.
            case shrinks
            /// The column is left out; the one with the lowest rank goes first.
            case spare(Int)
        }

        let title: String
        /// Whether the column contains numbers, which are aligned to the right.
        let isNumeric: Bool
        let need: Need

        init(_ title: String, isNumeric: Bool = false, _ need: Need = .always) {
            self.title = title
            self.isNumeric = isNumeric
            self.need = need
        }
    }

    let columns: [Column]
    var rows: [[String]] = []
    /// Lines that are shown above rows, by the index of the row.
    var headings: [Int: String] = [:]

    private static let gap = 2
    private static let shrunkWidth = 12

    init(_ columns: [Column], _ rows: [[String]] = []) {
        self.columns = columns
        self.rows = rows
    }

    /// Formats the table as lines, replacing characters in cells that are not printable.
    ///
    /// - Parameter terminal: The terminal to fit the table to; nil to show it at full width.
    /// - Returns: The lines, each ending with a newline; none ends with a space.
    func text(on terminal: Terminal? = nil) -> String {
        let cells = [columns.map(\.title)] + rows.map { $0.map(\.printable) }
        let layout = layout(cells, columnCount: terminal?.columnCount)
        var text = ""
        for (number, row) in cells.enumerated() {
            if let heading = headings[number - 1] { text += "\n\(heading.printable)\n" }
            var line = ""
            var space = 0
            for (column, width) in layout {
                let cell = Self.fit(row[column], width)
                let padding = width - cell.columnCount
                let isNumeric = columns[column].isNumeric
                if isNumeric { space += padding }
                // Spaces are added only before a cell that follows, so that no line ends with one.
                if !cell.isEmpty {
                    line += String(repeating: " ", count: space) + cell
                    space = 0
                }
                space += (isNumeric ? 0 : padding) + Self.gap
            }
            if let terminal { line = Self.fit(line, terminal.columnCount) }
            text += (number == 0 ? Style.strong(line, on: terminal) : line) + "\n"
        }
        return text
    }

    /// Chooses the columns to show and the width of each.
    private func layout(
        _ cells: [[String]], columnCount: Int?
    ) -> [(column: Int, width: Int)] {
        var layout = columns.indices.map { column in
            (column: column, width: cells.reduce(0) { max($0, $1[column].columnCount) })
        }
        guard let columnCount else { return layout }
        let spare = { layout.reduce(columnCount + Self.gap) { $0 - $1.width - Self.gap } }
        let shrink = { (least: Int) in
            for place in layout.indices where columns[layout[place].column].need == .shrinks {
                let width = layout[place].width
                layout[place].width = min(width, max(least, width + spare()))
            }
        }
        shrink(Self.shrunkWidth)
        while spare() < 0 {
            let ranks = layout.indices.compactMap { place -> (rank: Int, place: Int)? in
                guard case .spare(let rank) = columns[layout[place].column].need else {
                    return nil
                }
                return (rank, place)
            }
            guard let first = ranks.min(by: { $0.rank < $1.rank }) else { break }
            layout.remove(at: first.place)
        }
        // The shrunk column gets the space of the columns that were left out.
        for place in layout.indices where columns[layout[place].column].need == .shrinks {
            let column = layout[place].column
            let wanted = cells.reduce(0) { max($0, $1[column].columnCount) }
            layout[place].width = min(wanted, layout[place].width + max(0, spare()))
        }
        shrink(1)
        return layout
    }

    private static func fit(_ cell: String, _ width: Int) -> String {
        cell.columnCount <= width ? cell : cell.fitting(max(0, width - 1)) + "…"
    }
}
