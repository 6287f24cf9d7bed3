import CheckpointIndex
package import GuestMemory
package import SnapSystem

/// How a user names a checkpoint (REF in snap(1)).
package enum CheckpointReference: Sendable, Equatable {
    /// `GUEST@latest~2`: so many before the one of the highest number.
    case latest(GuestName, back: Int)
    /// `GUEST:7`.
    case number(GuestName, Int)
    /// `GUEST@2026-11-20T10:00`: the newest at or before a time.
    case time(GuestName, Timestamp)
    /// `web1`: a guest's latest, or else the beginning of an id.
    case guestOrID(String)

    private static let hint = "snap list shows what there is"
    private static let idDigitCountMin = 4
    private static let idDigitCount = 32

    /// Whether it names one checkpoint for ever: `GUEST:N` or a whole id.
    var isExact: Bool {
        switch self {
        case .number: true
        case .guestOrID(let text):
            text.count == Self.idDigitCount && text.allSatisfy(\.isHexDigit)
        case .latest, .time: false
        }
    }

    /// Reads a reference.
    ///
    /// - Parameter text: What the user wrote.
    /// - Throws: `.usage` if it has none of the forms.
    package init(parsing text: String) throws(SnapError) {
        if let at = text.firstIndex(of: "@") {
            let guest = try GuestName(checking: text[..<at], as: "guest")
            self = try Self.point(text[text.index(after: at)...], of: guest, in: text)
        } else if let colon = text.firstIndex(of: ":") {
            let guest = try GuestName(checking: text[..<colon], as: "guest")
            guard let number = Self.number(text[text.index(after: colon)...]), number > 0 else {
                throw Self.malformed(text)
            }
            self = .number(guest, number)
        } else {
            guard GuestName(text) != nil else { throw Self.malformed(text) }
            self = .guestOrID(text)
        }
    }

    private static func point(
        _ point: Substring, of guest: GuestName, in text: String
    ) throws(SnapError) -> CheckpointReference {
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

    /// Finds the checkpoint.
    ///
    /// - Parameter index: The store's index.
    /// - Throws: `.notFound`; `.usage` if the beginning of an id fits two; `.damaged` or
    ///   `.inputOutput`.
    func resolve(in index: CheckpointIndex) throws(SnapError) -> Checkpoint {
        switch self {
        case .latest(let guest, let back):
            let found = try index.latest(of: guest, back: back)
            return try Self.found(
                found, guest, index, back == 0 ? "no checkpoint" : "no \(back + 1) checkpoints")
        case .number(let guest, let number):
            let found = try index.checkpoint(of: guest, number: number)
            return try Self.found(found, guest, index, "no checkpoint \(number)")
        case .time(let guest, let time):
            let found = try index.checkpoint(of: guest, at: time)
            return try Self.found(found, guest, index, "no checkpoint at \(time.rfc3339) or before")
        case .guestOrID(let text):
            return try Self.guestOrID(text, index)
        }
    }

    private static func guestOrID(
        _ text: String, _ index: CheckpointIndex
    ) throws(SnapError) -> Checkpoint {
        if let guest = GuestName(text), try index.knows(guest) {
            return try found(try index.latest(of: guest), guest, index, "no checkpoint")
        }
        guard (idDigitCountMin...idDigitCount).contains(text.count),
            text.allSatisfy(\.isHexDigit)
        else {
            throw SnapError(
                .notFound, "no guest \"\(text)\" in the store", path: index.path, hint: hint)
        }
        let matches = try index.checkpoints(idPrefix: text.lowercased())
        guard let first = matches.first else {
            throw SnapError(
                .notFound, "no guest \"\(text)\" and no id that begins so in the store",
                path: index.path, hint: hint)
        }
        guard matches.count == 1 else {
            throw SnapError(
                .usage,
                "id \(text) fits \(first.reference) (\(first.id.hex)) and "
                    + "\(matches[1].reference) (\(matches[1].id.hex))", hint: "give more digits")
        }
        return first
    }

    private static func found(
        _ checkpoint: Checkpoint?, _ guest: GuestName, _ index: CheckpointIndex, _ missing: String
    ) throws(SnapError) -> Checkpoint {
        if let checkpoint { return checkpoint }
        let message =
            try index.knows(guest)
            ? "guest \"\(guest)\" has \(missing)" : "no guest \"\(guest)\" in the store"
        throw SnapError(.notFound, message, path: index.path, hint: hint)
    }
}

extension CheckpointReference: CustomStringConvertible {
    /// The reference as a user writes it.
    package var description: String {
        switch self {
        case .latest(let guest, let back): "\(guest)@latest" + (back == 0 ? "" : "~\(back)")
        case .number(let guest, let number): "\(guest):\(number)"
        case .time(let guest, let time): "\(guest)@\(time.rfc3339)"
        case .guestOrID(let text): text
        }
    }
}
