import CLinux
import Glibc

/// A terminal that one of the output streams is connected to.
package struct Terminal: Sendable, Equatable {
    /// The streams that can be connected to a terminal.
    package enum Stream: Int32, Sendable {
        /// Standard output.
        case output = 1
        /// Standard error.
        case error = 2
    }

    /// The width of a line in characters.
    package let columnCount: Int
    /// Whether the output may contain colors.
    package let hasColor: Bool

    private static let defaultColumnCount = 80
    private static let columnCountMax = 10_000

    /// Checks whether a stream is a terminal, and reads its width.
    ///
    /// If the terminal does not report its width, `COLUMNS` is used. Colors are disabled by
    /// `TERM=dumb`, and by `NO_COLOR` (no-color.org) if it is not empty.
    ///
    /// - Parameters:
    ///   - stream: The stream.
    ///   - environment: The environment's variables.
    /// - Returns: nil if the stream is not a terminal.
    package init?(_ stream: Stream, environment: [String: String]) {
        guard isatty(stream.rawValue) == 1 else { return nil }
        let given = environment["COLUMNS"].flatMap { Int($0) } ?? 0
        let found = Int(snap_terminal_columns(stream.rawValue))
        let known = found > 0 ? found : given > 0 ? given : Self.defaultColumnCount
        columnCount = min(known, Self.columnCountMax)
        hasColor = environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
    }
}
