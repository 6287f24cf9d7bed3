import ArgumentParser

/// A number of bytes on the command line: digits, and K, M, G or T for a power of 1024.
struct ByteCount: ExpressibleByArgument, CustomStringConvertible {
    /// The number of bytes.
    let value: Int

    private static let units: [Character] = ["K", "M", "G", "T"]

    /// Creates a byte count, such as an option's default.
    ///
    /// - Parameter value: The number of bytes.
    init(_ value: Int) { self.value = value }

    /// Parses an argument.
    ///
    /// - Parameter argument: The text that the user typed.
    /// - Returns: nil if the text is not such a number, or the number is too large.
    init?(argument: String) {
        let power = argument.last.flatMap(Self.units.firstIndex).map { $0 + 1 } ?? 0
        let digits = power == 0 ? argument[...] : argument.dropLast()
        guard let count = Int(digits), digits.allSatisfy(\.isNumber),
            case let (value, isTooLarge) = count.multipliedReportingOverflow(
                by: 1 << (10 * power)), !isTooLarge
        else { return nil }
        self.value = value
    }

    /// The number in the largest unit that divides it: `1536K`, `2G`.
    var description: String {
        let power = min(value == 0 ? 0 : value.trailingZeroBitCount / 10, Self.units.count)
        let unit = power == 0 ? "" : String(Self.units[power - 1])
        return "\(value >> (10 * power))\(unit)"
    }
}
