// snap verify: checks that everything in a store can be restored.
//
//     index ─ rows against files │ file ─ header, trailer, sections, device state │
//     roots ─ tables, each once ─ units ─ pages, each once ─ lost pages of each checkpoint

import CheckpointIndex
import CheckpointStore
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Checks checkpoints and their files, down to every page.
package struct Verify: Sendable {
    /// The findings for one checkpoint.
    package struct Verdict: Sendable, Equatable {
        /// The checkpoint's guest and number.
        package let name: CheckpointName
        /// Whether all of the memory is lost, because the savevm file cannot be read or used.
        package var isLost = false
        /// Whether the device state is lost.
        package var isDeviceStateLost = false
        /// The lost pages, by RAM block; a block without lost pages is not included.
        package var losses: [MemoryLoss] = []

        /// Whether memory and device state can be restored completely.
        package var isIntact: Bool { !isLost && !isDeviceStateLost && losses.isEmpty }
    }

    /// The result of a verification.
    package struct Outcome: Sendable {
        /// The verdicts on the checkpoints, ordered by guest and number.
        package var verdicts: [Verdict] = []
        /// The damage found, ordered by file and offset, without repetitions.
        package var damage: [SnapError] = []
        /// The number of stored pages that were checked.
        package var checkedPageCount = 0
        /// The number of savevm files that a routine verification has verified completely; nil for
        /// another verification.
        package internal(set) var verifiedFileCount: Int?
        /// The number of savevm files that are due and were not verified in the time.
        package internal(set) var remainingFileCount = 0

        /// Whether no damage was found.
        package var isIntact: Bool { damage.isEmpty && verdicts.allSatisfy(\.isIntact) }
    }

    /// The specifiers of the checkpoints to check; empty for all checkpoints.
    package var specifiers: [CheckpointSpecifier] = []
    /// Whether only the checksums of clusters are compared and no page is decoded.
    package var isQuick = false
    /// Whether only files are verified that have not been verified at this time or later.
    package var notSince: Timestamp?
    /// The time after which the verification stops; the next one continues there.
    package var timeLimit: Duration?

    /// Creates a verification; all options have defaults.
    package init() {}

    /// Checks the checkpoints, and records in the index what was verified and what is damaged.
    ///
    /// Reports damage in the outcome and does not throw it. Records nothing without permission to
    /// write to the store. With `notSince` or `timeLimit`, files are verified one after another,
    /// those first that were not verified for longest.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - context: Supplies lock timeout and jobs; receives progress, and warnings that are not
    ///     damage.
    /// - Returns: The verdicts and the damage found.
    /// - Throws: `.notFound` if there is no store or no such checkpoint; `.damaged` if a specifier
    ///   cannot be resolved because the index is damaged; `.usage`, `.unsupported`, `.busy`,
    ///   `.permission`, `.inputOutput` or `.interrupted`.
    package func run(
        in path: FilePath, _ context: WorkContext
    ) throws(SnapError) -> Outcome {
        var outcome = Outcome()
        do throws(SnapError) {
            let store = try Store(reading: path, context)
            if isRoutine {
                outcome = try runRoutine(in: store, context)
            } else {
                try check(store, context, into: &outcome)
            }
        } catch {
            // Damage to a guest's files is reported, not thrown, so this error is about the index
            // or store.json. The files can be checked without either, unless the index is needed to
            // resolve a specifier.
            guard error.code == .damaged, specifiers.isEmpty else { throw error }
            outcome = Outcome(damage: [error])
            try checkFiles(of: StoreDirectory(path, context), context, into: &outcome)
        }
        outcome.sort()
        return outcome
    }

    /// Whether files are verified one after another.
    private var isRoutine: Bool { notSince != nil || timeLimit != nil }

    private func runRoutine(
        in store: borrowing Store, _ context: WorkContext
    ) throws(SnapError) -> Outcome {
        let deadline = timeLimit.map { ContinuousClock.now + $0 }
        var routine = try RoutineVerification(
            notSince: notSince, until: deadline, in: store, context)
        try routine.run()
        return routine.outcome
    }

    private func check(
        _ store: borrowing Store, _ context: WorkContext, into outcome: inout Outcome
    ) throws(SnapError) {
        var recorder = VerificationRecorder(in: store.directory.path, context)
        try store.index.checkIntegrity()
        if specifiers.isEmpty {
            let listed = try store.index.checkpoints().map(\.guest)
            let present = try store.directory.guests()
            for guest in (listed + present).uniqued() {
                try check(
                    store.guest(guest), in: store.index, only: nil, &recorder, context: context,
                    into: &outcome)
            }
            return
        }
        var named: [Checkpoint] = []
        for specifier in specifiers { named.append(try specifier.resolve(in: store.index)) }
        for guest in named.map(\.guest).uniqued() {
            let numbers = Set(named.filter { $0.guest == guest }.map(\.number))
            try check(
                store.guest(guest), in: store.index, only: numbers, &recorder, context: context,
                into: &outcome)
        }
    }

    private func checkFiles(
        of store: StoreDirectory, _ context: WorkContext, into outcome: inout Outcome
    ) throws(SnapError) {
        var recorder = VerificationRecorder(in: store.path, context)
        for guest in try store.guests() {
            try check(
                store.guest(guest), in: nil, only: nil, &recorder, context: context,
                into: &outcome)
        }
    }

    private func check(
        _ guest: GuestDirectory, in index: CheckpointIndex?, only numbers: Set<Int>?,
        _ recorder: inout VerificationRecorder, context: WorkContext, into outcome: inout Outcome
    ) throws(SnapError) {
        do throws(SnapError) {
            // A file in the place of a guest's directory must not prevent checking other guests.
            _ = try guest.directory.status()
        } catch let error where error.code == .damaged {
            outcome.damage.append(error)
            return
        }
        // Other checkpoints can be saved and deleted in the meantime: those are pinned too.
        let listed: Set<Int>
        if let numbers { listed = numbers } else { listed = try guest.listing().savevm }
        var pinned: [Range<Int>] = .runs(of: listed.sorted())
        if numbers == nil { pinned.append(merging: (listed.max() ?? 0) + 1..<Checkpoint.numberMax) }
        try guest.withPins(on: pinned, context) { () throws(SnapError) in
            var verification = try GuestVerification(of: guest, in: index, only: numbers)
            try verification.checkMemory(
                isQuick: isQuick, isAll: specifiers.isEmpty, context)
            try verification.warnOfUnlisted(context)
            if let index {
                let found = try verification.records(
                    in: index, isComplete: numbers == nil && !isQuick)
                try recorder.record(found.records, examined: found.examined, of: guest.name)
            }
            outcome.verdicts += verification.verdicts
            outcome.damage += verification.damage
            outcome.checkedPageCount += verification.checkedPageCount
        }
    }
}

extension Verify.Outcome {
    /// Sorts damage and verdicts, and removes repeated damage.
    fileprivate mutating func sort() {
        let place = { (error: SnapError) in
            (error.path?.string ?? "", error.offset ?? -1, error.message)
        }
        damage.sort { place($0) < place($1) }
        var last: SnapError?
        damage = damage.filter { error in
            defer { last = error }
            return error != last
        }
        verdicts.sort { $0.name < $1.name }
    }
}
