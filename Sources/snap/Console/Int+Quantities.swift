extension Int {
    /// The number as a count of bytes, in the largest unit that fits: `712.3 KiB`.
    var asByteCount: String {
        if self < 1024 { return "\(self) B" }
        var tenths = self / 1024 * 10 + self % 1024 * 10 / 1024
        for unit in ["KiB", "MiB", "GiB"] {
            if tenths < 10240 { return "\(tenths / 10).\(tenths % 10) \(unit)" }
            tenths /= 1024
        }
        return "\(tenths / 10).\(tenths % 10) TiB"
    }

    /// Formats the number with a noun: `1 guest`, `2,000 guests`.
    ///
    /// - Parameter thing: The noun in the singular; its plural must be formed with an s.
    func counted(_ thing: String) -> String {
        "\(grouped) \(thing)\(self == 1 ? "" : "s")"
    }

    /// The number in groups of three digits: `1,048,576`.
    var grouped: String {
        var digits = String(magnitude)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (self < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
    }
}
