package import SnapSystem

/// A guest's name: 1 to 64 characters of `A-Z a-z 0-9 . _ -`, starting with a letter or digit.
///
/// Such a name is a valid file name, needs no quoting, and is never `.`, `..` or an option. The
/// same rule applies to the device sections that a user names.
package struct GuestName: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The name as text.
    package let description: String

    /// The longest name, in characters.
    package static let characterCountMax = 64

    /// Creates a guest name if the text follows the rule.
    ///
    /// - Parameter text: The name.
    /// - Returns: nil if the text breaks the rule.
    package init?(_ text: some StringProtocol) {
        let isPlain = { (byte: UInt8) in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        guard let first = text.utf8.first, isPlain(first),
            text.utf8.count <= Self.characterCountMax,
            text.utf8.allSatisfy({ isPlain($0) || "._-".utf8.contains($0) })
        else { return nil }
        description = String(text)
    }

    /// Creates a guest name from a user's text.
    ///
    /// - Parameters:
    ///   - text: The name.
    ///   - subject: The kind of thing that has the name, for the message: for example `guest`.
    /// - Throws: `.usage` if the text breaks the rule; the message contains the rule.
    package init(checking text: some StringProtocol, as subject: String) throws(SnapError) {
        guard let name = GuestName(text) else {
            throw SnapError(
                .usage,
                "\(subject) name \"\(text)\" is not 1 to 64 characters of A-Z a-z 0-9 . _ - "
                    + "starting with a letter or digit")
        }
        self = name
    }

    /// Compares two names byte by byte.
    ///
    /// - Returns: Whether `left` comes before `right`.
    package static func < (left: GuestName, right: GuestName) -> Bool {
        left.description < right.description
    }
}
