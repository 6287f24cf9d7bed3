package import CheckpointIndex
package import GuestMemory
package import SnapSystem

extension CheckpointSpecifier {
    /// Finds the checkpoint that the specifier names.
    ///
    /// - Parameter index: The store's index.
    /// - Returns: The checkpoint, as the index describes it.
    /// - Throws: `.notFound` if the index has no such checkpoint; `.usage` if the given part of an
    ///   id matches two; `.damaged` or `.inputOutput`.
    package func resolve(in index: CheckpointIndex) throws(SnapError) -> Checkpoint {
        switch self {
        case .latest(let guest, let back):
            let found = try index.latest(of: guest, back: back)
            return try Self.found(
                found, of: guest, in: index,
                else: back == 0 ? "no checkpoint" : "fewer than \(back + 1) checkpoints")
        case .name(let name):
            let found = try index.checkpoint(of: name.guest, number: name.number)
            return try Self.found(
                found, of: name.guest, in: index, else: "no checkpoint \(name.number)")
        case .time(let guest, let time):
            let found = try index.checkpoint(of: guest, at: time)
            return try Self.found(
                found, of: guest, in: index, else: "no checkpoint at or before \(time.rfc3339)")
        case .guestOrID(let text):
            return try Self.guestOrID(text, index)
        }
    }

    private static func guestOrID(
        _ text: String, _ index: CheckpointIndex
    ) throws(SnapError) -> Checkpoint {
        if let guest = GuestName(text), try index.knows(guest) {
            return try found(
                try index.latest(of: guest), of: guest, in: index, else: "no checkpoint")
        }
        guard idDigitCounts.contains(text.count),
            text.allSatisfy(\.isHexDigit)
        else {
            throw SnapError(
                .notFound, "no guest \"\(text)\" in the store", path: index.path,
                hint: StoreDirectory.listHint)
        }
        let matches = try index.checkpoints(idPrefix: text.lowercased())
        guard let first = matches.first else {
            throw SnapError(
                .notFound, "no guest \"\(text)\" and no id that starts with it in the store",
                path: index.path, hint: StoreDirectory.listHint)
        }
        guard matches.count == 1 else {
            throw SnapError(
                .usage,
                "id \(text) matches \(first.name) (\(first.id.hex)) and "
                    + "\(matches[1].name) (\(matches[1].id.hex))", hint: "give more digits")
        }
        return first
    }

    private static func found(
        _ checkpoint: Checkpoint?, of guest: GuestName, in index: CheckpointIndex,
        else missing: String
    ) throws(SnapError) -> Checkpoint {
        if let checkpoint { return checkpoint }
        let message =
            try index.knows(guest)
            ? "guest \"\(guest)\" has \(missing)" : "no guest \"\(guest)\" in the store"
        throw SnapError(.notFound, message, path: index.path, hint: StoreDirectory.listHint)
    }
}
