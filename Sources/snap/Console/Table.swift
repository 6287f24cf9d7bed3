import SnapSystem

/// A table of text for people: columns as wide as they need be, the last one unpadded.
///
/// On a terminal it is made to fit: the column that may shrink does, then columns that can be
/// missed are left out, then what is still too long is cut.
struct Table {
    /// A column's head, and how it is set.
    struct Column {
        /// What becomes of it where there is no room.
        enum Need: Equatable {
            /// It stays.
            case always
            /// It is cut to what is left.
            case shrinks
            /// It is left out, the lowest rank first.
            case spare(Int)
        }

        let title: String
        /// Whether it holds numbers, which stand to the right.
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

    private static let gap = 2
    private static let shrunkWidth = 12

    init(_ columns: [Column], _ rows: [[String]] = []) {
        self.columns = columns
        self.rows = rows
    }

    /// The table as lines; control characters of a cell do not reach the terminal.
    ///
    /// - Parameter terminal: Where it goes; nil if that is no terminal.
    func text(on terminal: Terminal? = nil) -> String {
        let cells = [columns.map(\.title)] + rows.map { $0.map(\.printable) }
        let layout = layout(cells, columnCount: terminal?.columnCount)
        var text = ""
        for (number, row) in cells.enumerated() {
            var line = ""
            var space = 0
            for (column, width) in layout {
                let cell = Self.fit(row[column], width)
                let padding = width - cell.columnCount
                let isNumeric = columns[column].isNumeric
                if isNumeric { space += padding }
                // Spaces are written when something follows them, so that no line ends in one.
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

    /// Which columns are shown, and how wide.
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
        // What has become free is given back to the column that was cut.
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
