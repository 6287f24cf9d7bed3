package import SnapSystem

/// A user's choice of a checkpoint (REF in snap(1)).
package enum CheckpointSpecifier: Sendable, Equatable {
    /// `GUEST@latest~2`: the checkpoint `back` places before the one with the highest number.
    case latest(GuestName, back: Int)
    /// `GUEST:7`: the checkpoint with this number.
    case name(CheckpointName)
    /// `GUEST@2026-11-20T10:00`: the newest checkpoint at or before a time.
    case time(GuestName, Timestamp)
    /// `web1`: the latest checkpoint of a guest; if there is no such guest, the start of an id.
    case guestOrID(String)

    /// The fewest and the most hex digits in the start of an id.
    package static let idDigitCounts = 4...32

    /// Whether it always selects the same checkpoint: `GUEST:N` or a complete id.
    package var isExact: Bool {
        switch self {
        case .name: true
        case .guestOrID(let text):
            text.count == Self.idDigitCounts.upperBound && text.allSatisfy(\.isHexDigit)
        case .latest, .time: false
        }
    }

    /// Creates a specifier from a user's text.
    ///
    /// - Parameter text: The text, for example `web1:7`.
    /// - Throws: `.usage` if the text has none of the forms that the cases describe.
    package init(parsing text: String) throws(SnapError) {
        if let at = text.firstIndex(of: "@") {
            let guest = try GuestName(checking: text[..<at], as: "guest")
            self = try Self.point(text[text.index(after: at)...], of: guest, in: text)
        } else if let colon = text.firstIndex(of: ":") {
            let guest = try GuestName(checking: text[..<colon], as: "guest")
            guard let number = Self.number(text[text.index(after: colon)...]), number > 0 else {
                throw Self.malformed(text)
            }
            self = .name(CheckpointName(guest: guest, number: number))
        } else {
            guard GuestName(text) != nil else { throw Self.malformed(text) }
            self = .guestOrID(text)
        }
    }

    private static func point(
        _ point: Substring, of guest: GuestName, in text: String
    ) throws(SnapError) -> CheckpointSpecifier {
        if point == "latest" { return .latest(guest, back: 0) }
        if point.hasPrefix("latest~"), let back = number(point.dropFirst("latest~".count)),
            back <= Checkpoint.numberMax
        {
            return .latest(guest, back: back)
        }
        guard let time = Timestamp(point) else { throw malformed(text) }
        return .time(guest, time)
    }

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            ? Int(text) : nil
    }

    private static func malformed(_ text: String) -> SnapError {
        SnapError(
            .usage,
            "\"\(text)\" is not GUEST, GUEST:NUMBER, GUEST@latest[~N], "
                + "GUEST@YYYY-MM-DDTHH:MM[:SS][Z] or an id of 4 hex digits or more")
    }
}

extension CheckpointSpecifier: CustomStringConvertible {
    /// The specifier as a user writes it.
    package var description: String {
        switch self {
        case .latest(let guest, let back): "\(guest)@latest" + (back == 0 ? "" : "~\(back)")
        case .name(let name): name.description
        case .time(let guest, let time): "\(guest)@\(time.rfc3339)"
        case .guestOrID(let text): text
        }
    }
}
