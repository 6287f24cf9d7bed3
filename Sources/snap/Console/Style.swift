import Foundation
import SnapSystem

/// How text is set off on a terminal that shows colours (ECMA-48, SGR).
enum Style: String {
    case strong = "1"
    case faint = "2"
    case bad = "1;31"
    case good = "32"
    case delta = "33"
    case stored = "36"

    /// What begins a command to the terminal.
    static let introducer = "\u{1b}["

    /// Sets a text off.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - terminal: Where it goes; nil if that is no terminal.
    func callAsFunction(_ text: String, on terminal: Terminal?) -> String {
        guard terminal?.hasColor ?? false else { return text }
        return "\(Self.introducer)\(rawValue)m\(text)\(Self.introducer)0m"
    }
}

extension Terminal {
    /// The terminal that results go to; nil if they go elsewhere.
    static var output: Terminal? {
        Terminal(.output, environment: ProcessInfo.processInfo.environment)
    }

    /// The terminal that messages go to; nil if they go elsewhere.
    static var error: Terminal? {
        Terminal(.error, environment: ProcessInfo.processInfo.environment)
    }
}
