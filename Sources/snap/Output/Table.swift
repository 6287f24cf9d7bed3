/// A table of text for people: columns as wide as they need be, the last one unpadded.
struct Table {
    /// A column's head, and whether it holds numbers, which stand to the right.
    struct Column {
        let title: String
        let isNumeric: Bool

        init(_ title: String, isNumeric: Bool = false) {
            self.title = title
            self.isNumeric = isNumeric
        }
    }

    let columns: [Column]
    var rows: [[String]] = []

    /// The table as lines; control characters of a cell do not reach the terminal.
    var text: String {
        let cells = [columns.map(\.title)] + rows.map { $0.map(\.printable) }
        let widths = columns.indices.map { column in
            cells.reduce(0) { max($0, Self.width($1[column])) }
        }
        var text = ""
        for row in cells {
            var space = 0
            for (column, cell) in row.enumerated() {
                let padding = widths[column] - Self.width(cell)
                let isNumeric = columns[column].isNumeric
                if isNumeric { space += padding }
                // Spaces are written when something follows them, so that no line ends in one.
                if !cell.isEmpty {
                    text += String(repeating: " ", count: space) + cell
                    space = 0
                }
                space += (isNumeric ? 0 : padding) + 2
            }
            text += "\n"
        }
        return text
    }

    /// How many columns of a terminal a cell takes: characters, which are bytes in nearly all.
    private static func width(_ cell: String) -> Int {
        cell.utf8.allSatisfy { $0 < 0x80 } ? cell.utf8.count : cell.count
    }
}
