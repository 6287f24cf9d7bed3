extension String {
    /// The text without control characters.
    ///
    /// Names and labels come from files and must not command a terminal.
    var printable: String {
        if utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return self }
        return String(
            unicodeScalars.map { scalar in
                let isControl = scalar.properties.generalCategory == .control
                return isControl ? "\u{fffd}" : Character(scalar)
            })
    }
}
