import GuestMemory

/// The names from a store that can complete a partly typed word.
///
/// The shell decides whether a name matches the word; it may ignore case or match inside the name.
/// The word only decides which names are offered when there are too many.
struct CompletionCandidates {
    /// The approximate maximum number of names to offer, so as not to flood the terminal.
    private static let countMax = 100

    /// The store's checkpoints, sorted by guest and number.
    let checkpoints: [Checkpoint]
    /// The part of the word before the cursor.
    let typed: String

    /// The guests' names, sorted.
    var guests: [String] { Set(checkpoints.map(\.guest.description)).sorted() }

    /// The names GUEST:NUMBER, sorted by guest, the newest first.
    ///
    /// If there are too many, each guest gets an equal share of the list.
    var numbers: [String] {
        let fitting = checkpoints.filter { $0.name.description.hasPrefix(typed) }
        let guests = Dictionary(
            grouping: fitting.isEmpty ? checkpoints : fitting, by: \.guest.description)
        let count = max(1, Self.countMax / max(1, guests.count))
        // A shell inserts the common prefix of all offered names. The alphabetically first and
        // last matching names are always offered: their common prefix is that of all matching
        // names, so the shell inserts no digit that excludes a name left out here.
        let names = fitting.map(\.name.description)
        let outermost = [names.min(), names.max()]
        return guests.sorted { $0.key < $1.key }.flatMap { _, checkpoints in
            let newest = checkpoints.suffix(count).map(\.name.description)
            let others = checkpoints.dropLast(count).map(\.name.description).filter(
                outermost.contains)
            return (others + newest).reversed()
        }
    }

    /// The ids that start with the word; empty if the word cannot be the start of an id.
    var ids: [String] {
        guard typed.count >= CheckpointSpecifier.idDigitCounts.lowerBound,
            typed.allSatisfy(\.isHexDigit)
        else { return [] }
        return checkpoints.map(\.id.hex).filter { $0.hasPrefix(typed) }.suffix(Self.countMax)
    }
}
