package import SnapSystem

/// A span of the calendar, such as `1y5m7d2h`: years, months, days and hours.
package struct RetentionSpan: Sendable, Equatable, CustomStringConvertible {
    private var counts = [0, 0, 0, 0]

    private static let units: [Character] = ["y", "m", "d", "h"]
    /// No count needs more digits.
    private static let digitCountMax = 6

    /// Parses a span.
    ///
    /// - Parameter text: Numbers, each followed by `y`, `m`, `d` or `h`; each unit at most once.
    /// - Returns: nil if the text is not such a span.
    package init?(_ text: String) {
        var digits = ""
        var given: Set<Int> = []
        for character in text {
            if character.isASCII && character.isNumber {
                digits.append(character)
                continue
            }
            guard let unit = Self.units.firstIndex(of: character), given.insert(unit).inserted,
                digits.count <= Self.digitCountMax, let count = Int(digits)
            else { return nil }
            counts[unit] = count
            digits = ""
        }
        guard digits.isEmpty, counts.contains(where: { $0 > 0 }) else { return nil }
    }

    /// Computes the time that lies this span before another, by the local calendar.
    ///
    /// - Parameter time: The later time.
    /// - Returns: The earlier time.
    package func before(_ time: Timestamp) -> Timestamp {
        time.before(years: counts[0], months: counts[1], days: counts[2], hours: counts[3])
    }

    /// The span in the form in which it is parsed.
    package var description: String {
        zip(counts, Self.units).filter { $0.0 > 0 }.map { "\($0)\($1)" }.joined()
    }
}
