import CLinux
import Glibc

/// A terminal that somebody may be looking at.
package struct Terminal: Sendable, Equatable {
    /// The streams that may be one.
    package enum Stream: Int32, Sendable {
        /// Standard output.
        case output = 1
        /// Standard error.
        case error = 2
    }

    /// How many characters a line holds.
    package let columnCount: Int
    /// Whether colours are welcome.
    package let hasColor: Bool

    private static let usualColumnCount = 80
    private static let columnCountMax = 10_000

    /// Looks whether a stream is a terminal, and at its size.
    ///
    /// `COLUMNS` is the size where the terminal does not say; `NO_COLOR` (no-color.org), if not
    /// empty, and `TERM=dumb` ask for no colours.
    ///
    /// - Parameters:
    ///   - stream: The stream.
    ///   - environment: The environment's variables.
    /// - Returns: nil if it is none.
    package init?(_ stream: Stream, environment: [String: String]) {
        guard isatty(stream.rawValue) == 1 else { return nil }
        let given = environment["COLUMNS"].flatMap { Int($0) } ?? 0
        let found = Int(snap_terminal_columns(stream.rawValue))
        let known = found > 0 ? found : given > 0 ? given : Self.usualColumnCount
        columnCount = min(known, Self.columnCountMax)
        hasColor = environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
    }
}
