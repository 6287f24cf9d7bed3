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
        let cells = [columns.map(\.title)] + rows.map { $0.map(Self.printable) }
        let widths = columns.indices.map { column in
            cells.reduce(0) { max($0, $1[column].count) }
        }
        return cells.map { row in
            let padded = columns.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                if columns[column].isNumeric { return space + row[column] }
                return column == columns.count - 1 ? row[column] : row[column] + space
            }
            var line = padded.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    private static func printable(_ cell: String) -> String {
        String(
            cell.unicodeScalars.map { scalar in
                let isControl = scalar.properties.generalCategory == .control
                return isControl ? "\u{fffd}" : Character(scalar)
            })
    }
}
