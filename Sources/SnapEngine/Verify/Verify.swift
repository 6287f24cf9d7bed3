// snap verify: proof that what is stored can be restored.
//
//     index ─ rows against files │ file ─ ends, sections, device state │
//     roots ─ tables, each once ─ units ─ pages, each once ─ losses ─ of which checkpoints?

import CheckpointIndex
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage

/// Checks checkpoints against their files, down to every page.
package struct Verify: Sendable {
    /// The pages of a RAM block that cannot be restored.
    package struct Losses: Sendable, Equatable {
        /// The block.
        package let block: RAMBlock
        /// The pages, as runs, ascending.
        package let pages: [Range<Int>]
    }

    /// What was found of a checkpoint.
    package struct Verdict: Sendable, Equatable {
        /// Whose it is.
        package let guest: GuestName
        /// Its number.
        package let number: Int
        /// Whether all of its memory is lost, since its file cannot be read.
        package var isLost = false
        /// Whether its device state is lost.
        package var isDeviceStateLost = false
        /// The pages that are lost, by RAM block.
        package var losses: [Losses] = []

        /// Whether it can be restored, device state and all.
        package var isWhole: Bool { !isLost && !isDeviceStateLost && losses.isEmpty }

        /// `web1:7`.
        package var reference: String { "\(guest):\(number)" }
    }

    /// What was checked and found.
    package struct Outcome: Sendable {
        /// The checkpoints, by guest and number.
        package var verdicts: [Verdict] = []
        /// What is wrong, each place once.
        package var damage: [SnapError] = []
        /// How many stored pages were checked.
        package var checkedPageCount = 0

        /// Whether nothing is wrong.
        package var isWhole: Bool { damage.isEmpty && verdicts.allSatisfy(\.isWhole) }
    }

    /// The checkpoints; none for all there are.
    package var references: [CheckpointReference] = []
    /// Whether pages are left unread, and only the checksums of what holds them compared.
    package var isQuick = false
    /// How many workers, at least 1.
    package var jobs = 1
    /// How long to wait for a lock.
    package var patience = Duration.zero
    /// Where it tells how far it has come.
    package var progress = WorkProgress()

    /// Prepares to verify; everything has a default.
    package init() {}

    /// Checks.
    ///
    /// Nothing is changed; what is damaged is told, not thrown.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - calls: The seam.
    ///   - warn: Takes what is worth a warning and no damage.
    /// - Throws: `.notFound` if there is no store or no such checkpoint; `.damaged` if the index,
    ///   which would have to find a checkpoint, is; `.usage`, `.unsupported`, `.busy`,
    ///   `.permission`, `.interrupted`.
    package func run(
        in path: FilePath, _ calls: SystemCalls, warn: (SnapError) -> Void
    ) throws(SnapError) -> Outcome {
        var outcome = Outcome()
        do throws(SnapError) {
            let store = try Store(reading: path, patience: patience, calls)
            try check(store, &outcome, warn)
        } catch {
            // Damage of files is told, not thrown: this is the index, or store.json. Without them
            // the files can tell of themselves, unless a checkpoint was to be found.
            guard error.code == .damaged, references.isEmpty else { throw error }
            outcome = Outcome(damage: [error])
            try checkFiles(of: Directory(path, calls), &outcome, warn)
        }
        outcome.sort()
        return outcome
    }

    private func check(
        _ store: borrowing Store, _ outcome: inout Outcome, _ warn: (SnapError) -> Void
    ) throws(SnapError) {
        try store.index.checkIntegrity()
        if references.isEmpty {
            let listed = try store.index.checkpoints().map(\.guest)
            let present = try Store.guests(in: store.directory)
            for guest in (listed + present).uniqued() {
                try check(store.guest(guest), store.index, only: nil, &outcome, warn)
            }
            return
        }
        var named: [Checkpoint] = []
        for reference in references { named.append(try reference.resolve(in: store.index)) }
        for guest in named.map(\.guest).uniqued() {
            let numbers = Set(named.filter { $0.guest == guest }.map(\.number))
            try check(store.guest(guest), store.index, only: numbers, &outcome, warn)
        }
    }

    private func checkFiles(
        of directory: Directory, _ outcome: inout Outcome, _ warn: (SnapError) -> Void
    ) throws(SnapError) {
        for guest in try Store.guests(in: directory) {
            try check(
                Store.guest(guest, in: directory), nil, only: nil, &outcome, warn)
        }
    }

    private func check(
        _ guest: GuestDirectory, _ index: CheckpointIndex?, only numbers: Set<Int>?,
        _ outcome: inout Outcome, _ warn: (SnapError) -> Void
    ) throws(SnapError) {
        // Held while the guest's files are read: nothing that is live is given back meanwhile.
        let lock = try guest.lockForReading(patience: patience)
        var verification = try GuestVerification(guest, index, only: numbers)
        try verification.checkMemory(self)
        try verification.warnOfUnlisted(warn)
        outcome.verdicts += verification.verdicts
        outcome.damage += verification.damage
        outcome.checkedPageCount += verification.checkedPageCount
        _ = consume lock
    }
}

extension Verify.Outcome {
    /// Puts what is wrong in order, each place once.
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
        verdicts.sort { ($0.guest.description, $0.number) < ($1.guest.description, $1.number) }
    }
}
