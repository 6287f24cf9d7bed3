import Foundation
import SnapSystem

/// A style of text on a terminal with colors; the raw value is SGR's parameter (ECMA-48).
enum Style: String {
    case strong = "1"
    case faint = "2"
    case bad = "1;31"
    case good = "32"
    case delta = "33"
    case stored = "36"

    /// The characters that start an escape sequence (ECMA-48, CSI).
    static let introducer = "\u{1b}["

    /// Applies the style to text if the terminal shows colors.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - terminal: The terminal that the text is printed on; nil if it is not printed on one.
    /// - Returns: The text, enclosed in escape sequences or unchanged.
    func callAsFunction(_ text: String, on terminal: Terminal?) -> String {
        guard terminal?.hasColor ?? false else { return text }
        return "\(Self.introducer)\(rawValue)m\(text)\(Self.introducer)0m"
    }
}

extension Terminal {
    /// The terminal on standard output; nil if standard output is not a terminal.
    static var output: Terminal? {
        Terminal(.output, environment: ProcessInfo.processInfo.environment)
    }

    /// The terminal on standard error; nil if standard error is not a terminal.
    static var error: Terminal? {
        Terminal(.error, environment: ProcessInfo.processInfo.environment)
    }
}
