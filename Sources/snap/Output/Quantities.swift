import SnapSystem

extension Int {
    /// A number of bytes for people: `712.3 KiB`.
    var asByteCount: String {
        if self < 1024 { return "\(self) B" }
        var tenths = self / 1024 * 10 + self % 1024 * 10 / 1024
        for unit in ["KiB", "MiB", "GiB"] {
            if tenths < 10240 { return "\(tenths / 10).\(tenths % 10) \(unit)" }
            tenths /= 1024
        }
        return "\(tenths / 10).\(tenths % 10) TiB"
    }

    /// So many things: `1 guest`, `2,000 guests`.
    func counted(_ thing: String) -> String {
        "\(grouped) \(thing)\(self == 1 ? "" : "s")"
    }

    /// A number for people, in groups of three digits: `1,048,576`.
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

extension Timestamp {
    /// The time for somebody who looks at it now: `5 min ago`; what is long ago by its day.
    ///
    /// - Parameter now: When that is.
    func relative(to now: Timestamp) -> String {
        // A time out of a damaged index may be any.
        let (seconds, _) = now.secondsSinceEpoch.subtractingReportingOverflow(secondsSinceEpoch)
        switch seconds {
        case 0..<60: return "\(seconds) s ago"
        case 60..<3600: return "\(seconds / 60) min ago"
        case 3600..<48 * 3600: return "\(seconds / 3600) h ago"
        case 48 * 3600..<60 * 86400: return "\(seconds / 86400) days ago"
        default: return String(local.prefix(16))
        }
    }
}

extension Duration {
    /// The duration in seconds with so many digits behind the point.
    func seconds(fractionDigits: Int) -> String {
        var scale: Int64 = 1
        for _ in 0..<fractionDigits { scale *= 10 }
        let parts = components
        let units = parts.seconds * scale + parts.attoseconds / (1_000_000_000_000_000_000 / scale)
        let fraction = String(units % scale)
        let zeros = String(repeating: "0", count: fractionDigits - fraction.count)
        return "\(units / scale).\(zeros)\(fraction)"
    }
}
