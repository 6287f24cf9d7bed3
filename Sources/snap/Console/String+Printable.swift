extension String {
    /// The text with U+FFFD in place of each character that is not printable.
    ///
    /// Names, labels and messages may come from files. They must not control the terminal or change
    /// the order in which it shows text.
    var printable: String { keeping { _ in false } }

    /// Lines that are safe to print on a terminal.
    ///
    /// Like `printable`, but keeps newlines and the escape sequences of `Style`.
    var printableLines: String {
        if utf8.allSatisfy({ $0 == 0x0a || (0x20..<0x7f).contains($0) }) { return self }
        let parts = split(separator: Style.introducer, omittingEmptySubsequences: false)
        var lines = String(parts[0]).keeping { $0 == "\n" }
        for part in parts.dropFirst() {
            // An introducer that starts no style is replaced like any other control character.
            let isStyle = part.prefixMatch(of: /[0-9;]*m/) != nil
            lines += isStyle ? Style.introducer : "\u{fffd}["
            lines += String(part).keeping { $0 == "\n" }
        }
        return lines
    }

    private func keeping(_ isKept: (Unicode.Scalar) -> Bool) -> String {
        if utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return self }
        var kept = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            kept.append(scalar.isPrintable || isKept(scalar) ? scalar : "\u{fffd}")
        }
        return String(kept)
    }

    /// The number of terminal columns that the text occupies.
    var columnCount: Int {
        if utf8.allSatisfy({ $0 < 0x80 }) { return utf8.count }
        return reduce(0) { $0 + $1.columnCount }
    }

    /// Cuts the text to a number of terminal columns.
    ///
    /// - Parameter limit: The number of columns.
    /// - Returns: The longest prefix that fits.
    func fitting(_ limit: Int) -> String {
        var room = limit
        return String(
            prefix { character in
                room -= character.columnCount
                return room >= 0
            })
    }
}

extension Character {
    /// The number of terminal columns that the character occupies: two for ideographs and other
    /// wide characters (Unicode, UAX #11), one for all others.
    var columnCount: Int {
        guard let first = unicodeScalars.first else { return 0 }
        let isWide: Bool =
            switch first.value {
            case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff,
                0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1faff,
                0x20000...0x3fffd:
                true
            default: first.properties.isEmojiPresentation
            }
        return isWide ? 2 : 1
    }
}

extension Unicode.Scalar {
    /// Whether the scalar cannot control a terminal or the order of text.
    ///
    /// Control characters (C0, DEL, C1), line and paragraph separators, and characters that change
    /// the direction of text (Unicode, UAX #9) are not printable.
    var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return false
        default: break
        }
        return switch value {
        case 0x200e, 0x200f, 0x061c, 0x202a...0x202e, 0x2066...0x2069: false
        default: true
        }
    }
}
