import ArgumentParser
import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import SystemPackage

/// What a shell offers behind the cursor: guests and checkpoints, out of the index.
///
/// A shell that waits must never see an error: where there is no store there is nothing to offer.
extension CompletionKind {
    /// Names of guests.
    static var guests: CompletionKind { offer { $0.guests } }

    /// All ways to name a checkpoint: of each guest the name, and the numbers.
    static var checkpoints: CompletionKind {
        offer { $0.guests + $0.guests.map { "\($0)@latest" } + $0.numbers + $0.ids }
    }

    /// The ways that name one checkpoint for ever.
    static var exactCheckpoints: CompletionKind { offer { $0.numbers + $0.ids } }

    private static func offer(
        _ names: @escaping @Sendable (Candidates) -> [String]
    ) -> CompletionKind {
        .custom { arguments, index, prefix in
            let word = arguments.indices.contains(index) ? arguments[index] : ""
            let typed = String(word.prefix(prefix.count)).unquoted
            let value = typed.hasPrefix("--") ? typed.drop { $0 != "=" }.dropFirst() : typed[...]
            let names = names(Candidates(checkpoints: stored(arguments), typed: String(value)))
            // To zsh, what follows a plain colon describes what stands before it.
            let isZsh = CompletionShell.requesting == .zsh
            return isZsh ? names.map { $0.replacingOccurrences(of: ":", with: "\\:") } : names
        }
    }

    /// The checkpoints of the store that the command line so far names.
    private static func stored(_ arguments: [String]) -> [Checkpoint] {
        var common = CommonOptions()
        common.store = store(in: arguments)
        guard let path = try? common.storePath(),
            let store = try? Store(reading: path, patience: .zero, .kernel)
        else { return [] }
        return (try? store.checkpoints(of: nil)) ?? []
    }

    private static func store(in arguments: [String]) -> String? {
        for (index, argument) in arguments.enumerated().reversed() {
            if argument.hasPrefix("--store=") { return String(argument.dropFirst(8)).unquoted }
            if argument == "--store", index + 1 < arguments.count {
                return arguments[index + 1].unquoted.withHome
            }
        }
        return nil
    }
}

/// What a store has to offer for a word that has been begun.
///
/// Whether a name fits is the shell's to say, which may ignore case or look in the middle; the word
/// only decides which names come first where there are too many.
private struct Candidates {
    /// More than this nobody reads, and a terminal should not be flooded.
    private static let countMax = 100
    /// What `CheckpointReference` takes for an id at least.
    private static let idDigitCountMin = 4

    /// By guest and number.
    let checkpoints: [Checkpoint]
    /// What stands before the cursor.
    let typed: String

    /// The guests' names, in order.
    var guests: [String] { Set(checkpoints.map(\.guest.description)).sorted() }

    /// By guest, the newest first; room is shared, so that each guest has some.
    var numbers: [String] {
        let fitting = checkpoints.filter { $0.reference.hasPrefix(typed) }
        let guests = Dictionary(
            grouping: fitting.isEmpty ? checkpoints : fitting, by: \.guest.description)
        let count = max(1, Self.countMax / max(1, guests.count))
        // A shell types for the user what all that is offered have in common. The alphabet's first
        // and last have no more in common than all that fit.
        let references = fitting.map(\.reference)
        let outermost = [references.min(), references.max()]
        return guests.sorted { $0.key < $1.key }.flatMap { _, checkpoints in
            let newest = checkpoints.suffix(count).map(\.reference)
            let others = checkpoints.dropLast(count).map(\.reference).filter(outermost.contains)
            return (others + newest).reversed()
        }
    }

    /// Ids, only to somebody who has begun one.
    var ids: [String] {
        guard typed.count >= Self.idDigitCountMin, typed.allSatisfy(\.isHexDigit) else { return [] }
        return checkpoints.map(\.id.hex).filter { $0.hasPrefix(typed) }.suffix(Self.countMax)
    }
}

extension String {
    /// A word of the command line, which the shell gives as it was typed, without its quoting.
    fileprivate var unquoted: String { filter { !"\"'\\".contains($0) } }

    /// A path, with the home that the shell would put there.
    fileprivate var withHome: String {
        guard hasPrefix("~/"), let home = try? EnvironmentVariable.value("HOME") else {
            return self
        }
        return home + dropFirst()
    }
}
