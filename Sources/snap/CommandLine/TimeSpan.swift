import ArgumentParser
import SnapSystem

/// A span of time on the command line, such as `20m` or `1d12h`.
struct TimeSpan: ExpressibleByArgument, CustomStringConvertible {
    /// The length in seconds, at least 1.
    let seconds: Int

    private static let units: [(letter: Character, seconds: Int)] = [
        ("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1),
    ]
    /// No number needs more digits.
    private static let digitCountMax = 9

    /// Parses an argument: numbers, each followed by `w`, `d`, `h`, `m` or `s`, in this order.
    ///
    /// - Parameter argument: The text that the user typed.
    /// - Returns: nil if the text is not such a span.
    init?(argument: String) {
        var seconds = 0
        var digits = ""
        var rest = Self.units[...]
        for character in argument {
            if character.isASCII && character.isNumber {
                digits.append(character)
                continue
            }
            guard digits.count <= Self.digitCountMax, let count = Int(digits),
                let unit = rest.firstIndex(where: { $0.letter == character })
            else { return nil }
            seconds += count * rest[unit].seconds
            rest = rest[(unit + 1)...]
            digits = ""
        }
        guard digits.isEmpty, seconds > 0 else { return nil }
        self.seconds = seconds
    }

    /// The span in the form in which it is parsed.
    var description: String {
        var rest = seconds
        var text = ""
        for unit in Self.units where rest >= unit.seconds {
            text += "\(rest / unit.seconds)\(unit.letter)"
            rest %= unit.seconds
        }
        return text
    }

    /// Computes the time that lies this span before another.
    ///
    /// - Parameter time: The later time.
    /// - Returns: The earlier time.
    func before(_ time: Timestamp) -> Timestamp {
        max(
            Timestamp.range.lowerBound,
            Timestamp(secondsSinceEpoch: time.secondsSinceEpoch - seconds))
    }
}
