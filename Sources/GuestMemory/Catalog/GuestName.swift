package import SnapSystem

/// A guest's name: 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit.
///
/// Such a name is a file's name, needs no quoting, and is never `.`, `..` or an option. Device
/// sections that a user names obey the same rule.
package struct GuestName: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The name itself.
    package let description: String

    /// The longest name, in characters.
    package static let characterCountMax = 64

    /// Checks a name.
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

    /// Checks a name that a user gave.
    ///
    /// - Parameters:
    ///   - text: The name.
    ///   - subject: What it names, for the message: `guest`.
    /// - Throws: `.usage` with the rule.
    package init(checking text: some StringProtocol, as subject: String) throws(SnapError) {
        guard let name = GuestName(text) else {
            throw SnapError(
                .usage,
                "\(subject) name \"\(text)\" is not 1 to 64 of A-Z a-z 0-9 . _ - beginning with "
                    + "a letter or digit")
        }
        self = name
    }

    /// Orders by bytes.
    package static func < (left: GuestName, right: GuestName) -> Bool {
        left.description < right.description
    }
}
