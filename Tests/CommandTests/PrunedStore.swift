import Foundation
import TestSupport

/// The JSON object that `snap prune` prints.
struct PrunedStore {
    private let json: [String: Any]

    /// Reads the output of a command.
    ///
    /// - Parameter outcome: The result of `snap prune --json`.
    init(_ outcome: Command.Outcome) { json = outcome.json }

    /// The names of all fields of the object.
    var fields: Set<String> { Set(json.keys) }

    /// Whether nothing was changed; nil if the field is missing.
    var isDryRun: Bool? { json["isDryRun"] as? Bool }

    /// The objects of the guests to which the policy was applied.
    var guests: [[String: Any]] { json["guests"] as? [[String: Any]] ?? [] }

    /// The objects of the guests that were skipped.
    var skipped: [[String: Any]] { json["skipped"] as? [[String: Any]] ?? [] }

    /// The objects of a guest's kept checkpoints.
    ///
    /// - Parameter guest: The guest's name.
    func kept(of guest: String = "g") -> [[String: Any]] {
        let found = guests.first { $0["guest"] as? String == guest }
        return found?["kept"] as? [[String: Any]] ?? []
    }

    /// The numbers of a guest's kept checkpoints, as they are listed.
    ///
    /// - Parameter guest: The guest's name.
    func keptNumbers(of guest: String = "g") -> [Int] {
        kept(of: guest).compactMap { $0["number"] as? Int }
    }

    /// The reasons for which a guest's checkpoints are kept, by number.
    ///
    /// - Parameter guest: The guest's name.
    func reasons(of guest: String = "g") -> [Int: [String]] {
        var reasons: [Int: [String]] = [:]
        for kept in kept(of: guest) {
            if let number = kept["number"] as? Int {
                reasons[number] = kept["reasons"] as? [String]
            }
        }
        return reasons
    }

    /// The numbers of a guest's deleted checkpoints, as they are listed.
    ///
    /// - Parameter guest: The guest's name.
    func deleted(of guest: String = "g") -> [Int] {
        guests.first { $0["guest"] as? String == guest }?["deleted"] as? [Int] ?? []
    }
}
