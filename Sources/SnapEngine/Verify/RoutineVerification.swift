import CheckpointIndex
import CheckpointStore
import GuestMemory
import SnapSystem
import SystemPackage
import WorkPipeline

/// A verification of files one after another, those first that were not verified for longest.
///
///     index: due files, oldest first │ tables ─ needed slots of deleted checkpoints' files │
///     file ─ header, sections, device state, row ─ groups ─ slots │ records in the index │
///     lost pages of each checkpoint
///
/// A file's slots are read in the order in which they are stored, and each only once. What was read
/// is recorded every few seconds, so a verification that is stopped continues where it was.
struct RoutineVerification {
    private typealias Due = (guest: Int, file: GuestRoutine.DueFile)

    private let startedAt: Timestamp
    private let deadline: ContinuousClock.Instant?
    private let context: WorkContext
    private var guests: [GuestRoutine] = []
    private var recorder: VerificationRecorder
    private(set) var outcome = Verify.Outcome()

    /// The number of files that are opened before their groups are read.
    private static let batchCount = 64
    /// The time after which results are recorded.
    private static let recordInterval = Duration.seconds(10)

    /// Finds the files that have to be verified.
    ///
    /// - Parameters:
    ///   - limit: Files that have been verified at this time or later are not due; nil for none.
    ///   - deadline: The time at which to stop; nil for no limit.
    ///   - store: The store.
    ///   - context: The context of the operation.
    /// - Throws: `.damaged` for the index; `.permission`, `.inputOutput` or `.interrupted`.
    init(
        notSince limit: Timestamp?, until deadline: ContinuousClock.Instant?,
        in store: borrowing Store, _ context: WorkContext
    ) throws(SnapError) {
        startedAt = .now
        self.deadline = deadline
        self.context = context
        recorder = VerificationRecorder(in: store.directory.path, context)
        try store.index.checkIntegrity()
        let listed = try store.index.checkpoints().map(\.guest)
        for guest in (listed + (try store.directory.guests())).uniqued() {
            try Interruption.check()
            let directory = store.guest(guest)
            do throws(SnapError) {
                guests.append(
                    try GuestRoutine(
                        of: directory, in: store.index, notSince: limit, startedAt: startedAt))
            } catch {
                guard error.code == .damaged, error.path != store.index.path else { throw error }
                outcome.damage.append(error)
            }
        }
    }

    /// Verifies the files until the deadline, and records what was found.
    ///
    /// - Throws: `.busy`, `.permission`, `.inputOutput` or `.interrupted`; damage is not thrown.
    mutating func run() throws(SnapError) {
        var due = dueFiles()[...]
        let dueCount = due.count
        context.progress.begin(
            .verifying, of: due.reduce(0) { $0.addingClamped($1.file.byteCount) })
        for guest in guests.indices {
            try guests[guest].withPins(context) { (guest) throws(SnapError) in
                try guest.begin()
            }
        }
        while let guest = due.first?.guest {
            let own = due.prefix { $0.guest == guest }
            let rest = try verify(own.map(\.file), of: guest)
            due = rest.map { (guest, $0) } + due.dropFirst(own.count)
            if isOver { break }
        }
        outcome.verifiedFileCount = dueCount - due.count
        outcome.remainingFileCount = due.count
        for guest in guests.indices { try finish(guest) }
    }

    private var isOver: Bool { deadline.map { ContinuousClock.now >= $0 } ?? false }

    /// The files that are due, in the order in which they are verified.
    private func dueFiles() -> [Due] {
        guests.indices.flatMap { guest in guests[guest].due.map { (guest, $0) } }
            .sorted { left, right in
                let key = { (due: Due) in
                    (
                        due.file.verifiedAt?.secondsSinceEpoch ?? .min, due.guest,
                        due.file.isDeleted ? 1 : 0, due.file.number
                    )
                }
                return key(left) < key(right)
            }
    }

    /// Verifies files of a guest until the deadline; returns those that are not complete then.
    private mutating func verify(
        _ files: [GuestRoutine.DueFile], of guest: Int
    ) throws(SnapError) -> [GuestRoutine.DueFile] {
        var rest = files[...]
        let deadline = deadline
        let context = context
        var recorder = recorder
        defer { self.recorder = recorder }
        try guests[guest].withPins(context) { (guest) throws(SnapError) in
            repeat {
                let pause = ContinuousClock.now + Self.recordInterval
                let batch = rest.prefix(Self.batchCount)
                let incomplete = try guest.verify(
                    batch, until: deadline.map { min($0, pause) } ?? pause, context)
                rest = incomplete + rest.dropFirst(batch.count)
                try recorder.record(
                    guest.takeRecords(damaged: []), examined: [], of: guest.guest.name)
            } while !rest.isEmpty && deadline.map { ContinuousClock.now < $0 } ?? true
        }
        return Array(rest)
    }

    /// Determines what the guest's checkpoints have lost, and records it.
    private mutating func finish(_ index: Int) throws(SnapError) {
        let context = context
        let verdicts = try guests[index].withPins(context) { (guest) throws(SnapError) in
            try guest.warnOfUnlisted(context)
            return try guest.verdicts()
        }
        let damaged = Set(verdicts.filter { !$0.isIntact }.map(\.name.number))
        try recorder.record(
            guests[index].takeRecords(damaged: damaged), examined: nil,
            of: guests[index].guest.name)
        outcome.verdicts += verdicts
        outcome.damage += guests[index].findings.errors
        outcome.checkedPageCount += guests[index].checkedPageCount
    }
}
