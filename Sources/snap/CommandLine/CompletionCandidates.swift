import GuestMemory

/// What a store has to offer for a word that has been begun.
///
/// Whether a name fits is the shell's to say, which may ignore case or look in the middle; the word
/// only decides which names come first where there are too many.
struct CompletionCandidates {
    /// A terminal should not be flooded.
    private static let countMax = 100

    /// By guest and number.
    let checkpoints: [Checkpoint]
    /// What stands before the cursor.
    let typed: String

    /// The guests' names, in order.
    var guests: [String] { Set(checkpoints.map(\.guest.description)).sorted() }

    /// By guest, the newest first; room is shared, so that each guest has some.
    var numbers: [String] {
        let fitting = checkpoints.filter { $0.name.description.hasPrefix(typed) }
        let guests = Dictionary(
            grouping: fitting.isEmpty ? checkpoints : fitting, by: \.guest.description)
        let count = max(1, Self.countMax / max(1, guests.count))
        // A shell types for the user what all that is offered have in common. The alphabet's first
        // and last have no more in common than all that fit.
        let names = fitting.map(\.name.description)
        let outermost = [names.min(), names.max()]
        return guests.sorted { $0.key < $1.key }.flatMap { _, checkpoints in
            let newest = checkpoints.suffix(count).map(\.name.description)
            let others = checkpoints.dropLast(count).map(\.name.description).filter(
                outermost.contains)
            return (others + newest).reversed()
        }
    }

    /// Ids, if the word looks like the beginning of one.
    var ids: [String] {
        guard typed.count >= CheckpointSpecifier.idDigitCounts.lowerBound,
            typed.allSatisfy(\.isHexDigit)
        else { return [] }
        return checkpoints.map(\.id.hex).filter { $0.hasPrefix(typed) }.suffix(Self.countMax)
    }
}
