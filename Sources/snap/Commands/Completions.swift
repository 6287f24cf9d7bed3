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
    static var guests: CompletionKind {
        .custom { arguments, _, _ in stored(arguments).map(\.guest.description).inOrder }
    }

    /// All ways to name a checkpoint: of each guest the name, and the numbers.
    static var checkpoints: CompletionKind {
        .custom { arguments, _, _ in
            let checkpoints = stored(arguments)
            return checkpoints.map(\.guest.description).inOrder
                + checkpoints.map(\.guest.description).inOrder.map { "\($0)@latest" }
                + newestFirst(checkpoints)
        }
    }

    /// The ways that name one checkpoint for ever.
    static var exactCheckpoints: CompletionKind {
        .custom { arguments, _, _ in newestFirst(stored(arguments)) }
    }

    private static func newestFirst(_ checkpoints: [Checkpoint]) -> [String] {
        checkpoints.reversed().map(\.reference)
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
            if argument.hasPrefix("--store=") { return String(argument.dropFirst(8)) }
            if argument == "--store", index + 1 < arguments.count { return arguments[index + 1] }
        }
        return nil
    }
}

extension [String] {
    /// Each once, where it comes first.
    fileprivate var inOrder: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
