import ArgumentParser
import Foundation
import GuestMemory
import SnapEngine
import SnapSystem
import WorkPipeline

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

    /// The ways that always name the same checkpoint.
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
            // To zsh, what follows a plain colon describes what stands before it.
            let isZsh = CompletionShell.requesting == .zsh
            return isZsh ? names.map { $0.replacingOccurrences(of: ":", with: "\\:") } : names
        }
    }

    /// The checkpoints of the store that the command line so far names.
    private static func stored(_ arguments: [String]) -> [Checkpoint] {
        var common = CommonOptions()
        common.store = store(in: arguments)
        common.trustStore = arguments.contains("--trust-store")
        guard let path = try? common.storePath() else { return [] }
        var list = List()
        list.warnsOfInterruptedSaves = false
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
