import ArgumentParser
import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import WorkPipeline

/// Completions of guests and checkpoints, which snap reads from the index.
///
/// A shell that waits for completions must never see an error, so on failure the list is empty.
extension CompletionKind {
    /// The names of the store's guests.
    static var guests: CompletionKind { offer { $0.guests } }

    /// All specifiers of checkpoints: GUEST, GUEST@latest, GUEST:NUMBER, and ids.
    static var checkpoints: CompletionKind {
        offer { $0.guests + $0.guests.map { "\($0)@latest" } + $0.numbers + $0.ids }
    }

    /// The specifiers that always name the same checkpoint: GUEST:NUMBER and ids.
    static var exactCheckpoints: CompletionKind { offer { $0.numbers + $0.ids } }

    private static func offer(
        _ names: @escaping @Sendable (CompletionCandidates) -> [String]
    ) -> CompletionKind {
        .custom { arguments, index, prefix in
            let word = arguments.indices.contains(index) ? arguments[index] : ""
            let typed = String(word.prefix(prefix.count)).unquoted
            let value = typed.hasPrefix("--") ? typed.drop { $0 != "=" }.dropFirst() : typed[...]
            let names = names(
                CompletionCandidates(checkpoints: stored(arguments), typed: String(value)))
            // zsh takes the text after an unescaped colon for a description of the completion.
            let isZsh = CompletionShell.requesting == .zsh
            return isZsh ? names.map { $0.replacingOccurrences(of: ":", with: "\\:") } : names
        }
    }

    /// Reads the checkpoints of the store that the command line names so far.
    private static func stored(_ arguments: [String]) -> [Checkpoint] {
        var common = CommonOptions()
        common.store = store(in: arguments)
        common.trustStore = arguments.contains("--trust-store")
        guard let path = try? common.storePath() else { return [] }
        var list = List()
        list.warnsOfUnfinishedSaves = false
        var context = WorkContext(.kernel)
        context.trustsStore = common.trustsStore
        return (try? list.run(in: path, context)) ?? []
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

extension String {
    /// The word without quotes and backslashes; the shell passes words as the user typed them.
    fileprivate var unquoted: String { filter { !"\"'\\".contains($0) } }

    /// The path with a leading `~/` replaced by the home directory, as the shell would do.
    fileprivate var withHome: String {
        guard hasPrefix("~/"), let home = try? EnvironmentVariable.value("HOME") else {
            return self
        }
        return home + dropFirst()
    }
}
