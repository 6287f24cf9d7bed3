import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem
import WorkPipeline

/// The state of one reclamation: what was freed, and what the index must learn of it.
struct ReclamationRun {
    /// The space that was freed.
    private(set) var outcome = SpaceReclamation.Outcome()
    /// The numbers of the files that were unlinked.
    private(set) var removed: Set<Int> = []
    /// The files that were rewritten or shortened.
    private(set) var changed: [Int: IndexedFile] = [:]
    /// The numbers of the files whose dead parts are freed as far as possible.
    private(set) var examined: Set<Int> = []
    /// Whether a file was not rewritten because there was no room for the new one.
    private(set) var lacksRoom = false
    /// The number of dead bytes that stay because of damage.
    private(set) var hiddenByteCount = 0
    /// The number of other dead bytes that stay, because freeing them costs too much.
    private var leftByteCount = 0

    private let space: GuestSpace
    private let highestNumber: Int
    private let unlinks: Bool
    private let context: WorkContext

    /// Creates a run.
    ///
    /// - Parameters:
    ///   - space: The guest's files.
    ///   - highestNumber: The guest's highest number, which stays taken.
    ///   - unlinks: Whether files are unlinked and rewritten; else they are only shortened.
    ///   - context: Receives a warning if a file has to be rewritten but is damaged.
    init(
        of space: GuestSpace, highestNumber: Int, unlinks: Bool, context: WorkContext
    ) {
        self.space = space
        self.highestNumber = highestNumber
        self.unlinks = unlinks
        self.context = context
    }

    /// What was found and not freed.
    var found: ReclamationRecord {
        ReclamationRecord(
            time: .now, unneededByteCount: leftByteCount.addingClamped(hiddenByteCount))
    }

    /// Whether no file was changed, and nothing new is known about one.
    var isEmpty: Bool { removed.isEmpty && changed.isEmpty && examined.isEmpty }

    /// Frees the dead parts of a file.
    ///
    /// - Parameters:
    ///   - number: The file's number.
    ///   - finding: The file's live and dead parts.
    mutating func free(_ number: Int, _ finding: SpaceSurvey.Finding) throws(SnapError) {
        guard let file = try DeletedFile(number, space.name(of: number), of: space.guest)
        else { return }
        switch finding {
        case .hidden(let byteCount):
            outcome.keptFileCount += 1
            hiddenByteCount = hiddenByteCount.addingClamped(byteCount)
        case .header, .dead:
            try freeDead(file)
        case .used(let source, let use, let marks):
            outcome.keptFileCount += 1
            examined.insert(number)
            let decision = try file.decide(use, canRewrite: unlinks)
            lacksRoom = lacksRoom || decision.lacksRoom
            if case .rewrite = decision.action {
                if try rewrite(file, source, marks: marks) { return }
                lacksRoom = true
                try punch(file, by: try file.decide(use, canRewrite: false))
            } else if try !punch(file, by: decision) {
                // The file system freed nothing in place.
                let other = try file.decide(use, canPunch: false, canRewrite: unlinks)
                if case .rewrite = other.action, try rewrite(file, source, marks: marks) { return }
            }
            let byteCount = try space.status(of: number)?.diskByteCount ?? 0
            leftByteCount += max(0, byteCount - use.rewrittenByteCount)
        }
    }

    private mutating func freeDead(_ file: DeletedFile) throws(SnapError) {
        let decision = file.decideDead(isHighest: file.number == highestNumber || !unlinks)
        switch decision.action {
        case .unlink:
            try file.remove()
            removed.insert(file.number)
        case .shorten:
            try file.shorten()
            changed[file.number] = IndexedFile(generation: 0, byteCount: FileHeader.byteCount)
            examined.insert(file.number)
        case .keep, .rewrite, .punch:
            examined.insert(file.number)
        }
        outcome.freedByteCount += decision.freedByteCount
    }

    /// Frees blocks in place if that is the decision.
    ///
    /// Returns false if that was expected to free space and did not.
    @discardableResult
    private mutating func punch(
        _ file: DeletedFile, by decision: DeletedFileAction.Decision
    ) throws(SnapError) -> Bool {
        guard case .punch(let blocks) = decision.action else { return true }
        let freed = try file.punch(blocks)
        outcome.freedByteCount += freed
        return freed * 2 >= decision.freedByteCount
    }

    /// Rewrites a file; returns false if it cannot be rewritten now.
    private mutating func rewrite(
        _ file: DeletedFile, _ source: SavevmFile, marks: SlotMarks
    ) throws(SnapError) -> Bool {
        do throws(SnapError) {
            let byteCount = try file.rewrite(source, marks)
            let status = try space.status(of: file.number)
            changed[file.number] = IndexedFile(
                generation: source.generation + 1, byteCount: byteCount)
            outcome.writtenByteCount += byteCount
            outcome.freedByteCount += max(0, file.diskByteCount - (status?.diskByteCount ?? 0))
            return true
        } catch {
            // What cannot be rewritten because the disk is full, or because live slots of it are
            // damaged, can still be freed in place.
            if error.isNoSpace { return false }
            guard error.isBadContent else { throw error }
            context.warn(error)
            return false
        }
    }
}
