extension String {
    /// The text without control characters, and without those that turn the direction of writing.
    ///
    /// Names and labels come from files and must not command a terminal or hide what they say.
    var printable: String {
        if utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return self }
        var printable = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            let isShown = scalar.properties.generalCategory != .control && !scalar.turnsDirection
            printable.append(isShown ? scalar : "\u{fffd}")
        }
        return String(printable)
    }

    /// How many columns of a terminal the text takes.
    var columnCount: Int {
        if utf8.allSatisfy({ $0 < 0x80 }) { return utf8.count }
        return reduce(0) { $0 + $1.columnCount }
    }

    /// As much of the text as fits into some columns of a terminal.
    ///
    /// - Parameter limit: How many.
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
    /// How many columns of a terminal the character takes: two if it is an ideograph or the like
    /// (Unicode, UAX #11), else one.
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
    /// Whether it turns the direction in which what follows is written (Unicode, UAX #9).
    fileprivate var turnsDirection: Bool {
        switch value {
        case 0x200e, 0x200f, 0x061c, 0x202a...0x202e, 0x2066...0x2069: true
        default: false
        }
    }
}
