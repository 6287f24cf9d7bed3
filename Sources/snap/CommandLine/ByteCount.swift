import ArgumentParser

/// A number of bytes on the command line: digits, and K, M, G or T for a power of 1024.
struct ByteCount: ExpressibleByArgument, CustomStringConvertible {
    /// How many bytes.
    let value: Int

    private static let units: [Character] = ["K", "M", "G", "T"]

    /// Takes a number.
    ///
    /// - Parameter value: How many bytes.
    init(_ value: Int) { self.value = value }

    /// Reads it.
    ///
    /// - Parameter argument: What the user has typed.
    /// - Returns: nil if it is no such number, or too large.
    init?(argument: String) {
        let power = argument.last.flatMap(Self.units.firstIndex).map { $0 + 1 } ?? 0
        let digits = power == 0 ? argument[...] : argument.dropLast()
        guard let count = Int(digits), digits.allSatisfy(\.isNumber),
            case let (value, isTooLarge) = count.multipliedReportingOverflow(
                by: 1 << (10 * power)), !isTooLarge
        else { return nil }
        self.value = value
    }

    /// With the largest unit that it is a multiple of.
    var description: String {
        let power = min(value == 0 ? 0 : value.trailingZeroBitCount / 10, Self.units.count)
        let unit = power == 0 ? "" : String(Self.units[power - 1])
        return "\(value >> (10 * power))\(unit)"
    }
}
