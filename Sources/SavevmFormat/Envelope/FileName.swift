import GuestMemory
import SnapSystem

/// The name of a checkpoint's file in its guest's directory.
package enum FileName: Sendable, Hashable {
    /// The savevm file of a checkpoint; the checkpoint exists if this file does.
    case savevm(Int)
    /// The device-state file of a checkpoint.
    case deviceState(Int)
    /// The savevm file of a deleted checkpoint, whose pages other checkpoints may need.
    case retired(Int)
    /// The device-state file of a deleted checkpoint, which others may need as their base.
    case retiredDeviceState(Int)

    private static let digitCount = 10

    /// The checkpoint's number.
    package var number: Int {
        switch self {
        case .savevm(let number), .deviceState(let number), .retired(let number),
            .retiredDeviceState(let number):
            number
        }
    }

    /// The name: the number in ten digits, and a suffix for the kind of file.
    package var text: String {
        switch self {
        case .savevm(let number): digits(number) + ".savevm"
        case .deviceState(let number): digits(number) + ".devstate"
        case .retired(let number): digits(number) + ".retired"
        case .retiredDeviceState(let number): digits(number) + ".devretired"
        }
    }

    /// Creates a file name from its text.
    ///
    /// - Parameter text: The name of a file in a guest's directory.
    /// - Returns: nil if it is not the name of a checkpoint's file.
    package init?(_ text: String) {
        guard let dot = text.firstIndex(of: "."), let number = Int(text[..<dot]) else {
            return nil
        }
        switch text[dot...] {
        case ".savevm": self = .savevm(number)
        case ".devstate": self = .deviceState(number)
        case ".retired": self = .retired(number)
        case ".devretired": self = .retiredDeviceState(number)
        default: return nil
        }
        guard self.text == text, (1...Checkpoint.numberMax).contains(number) else { return nil }
    }

    private func digits(_ number: Int) -> String {
        String(number).padded(to: Self.digitCount)
    }
}
