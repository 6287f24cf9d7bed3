import GuestMemory
import SnapSystem

/// The names of a checkpoint's files in its guest's directory.
package enum FileName: Sendable, Hashable {
    /// RAM pages and tables: the checkpoint itself.
    case savevm(Int)
    /// Device sections.
    case deviceState(Int)
    /// A deleted checkpoint's pages, of which others may have need.
    case retired(Int)

    private static let digitCount = 10

    /// The checkpoint's number.
    package var number: Int {
        switch self {
        case .savevm(let number), .deviceState(let number), .retired(let number): number
        }
    }

    /// The name: the number in ten digits and what the file is.
    package var text: String {
        switch self {
        case .savevm(let number): digits(number) + ".savevm"
        case .deviceState(let number): digits(number) + ".devstate"
        case .retired(let number): digits(number) + ".retired"
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

    private func digits(_ number: Int) -> String {
        String(number).padded(to: Self.digitCount)
    }
}
