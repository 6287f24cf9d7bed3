import GuestMemory

/// The names of a checkpoint's files in its guest's directory.
package enum FileName: Sendable, Hashable {
    /// RAM pages and tables: the checkpoint itself.
    case savevm(Int)
    /// Device sections.
    case deviceState(Int)
    /// A deleted checkpoint's pages, of which others may have need.
    case retired(Int)

    private static let digitCount = 10

    /// The name: the number in ten digits and what the file is.
    package var text: String {
        switch self {
        case .savevm(let number): Self.digits(number) + ".savevm"
        case .deviceState(let number): Self.digits(number) + ".devstate"
        case .retired(let number): Self.digits(number) + ".retired"
        }
    }

    /// Reads a name.
    ///
    /// - Parameter text: A name in a guest's directory.
    /// - Returns: nil if it is not one that `text` gives.
    package init?(_ text: String) {
        guard let dot = text.firstIndex(of: "."), let number = Int(text[..<dot]) else {
            return nil
        }
        switch text[dot...] {
        case ".savevm": self = .savevm(number)
        case ".devstate": self = .deviceState(number)
        case ".retired": self = .retired(number)
        default: return nil
        }
        guard self.text == text, (1...Checkpoint.numberMax).contains(number) else { return nil }
    }

    private static func digits(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, digitCount - digits.count)) + digits
    }
}
