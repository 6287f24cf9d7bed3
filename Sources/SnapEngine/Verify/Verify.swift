// snap verify: proof that what is stored can be restored.
//
//     index ─ rows against files │ file ─ ends, sections, device state │
//     roots ─ tables, each once ─ units ─ pages, each once ─ losses ─ of which checkpoints?

import CheckpointIndex
import CheckpointStore
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Checks checkpoints against their files, down to every page.
package struct Verify: Sendable {
    /// The pages of a RAM block that cannot be restored.
    package struct Losses: Sendable, Equatable {
        /// The block.
        package let ram: RAMBlock
        /// How many pages they are.
        package let pageCount: Int
        /// The pages, as runs, ascending; the first ones, if there are very many.
        package let pages: [Range<Int>]

        /// Whether `pages` has all of them.
        package var isListed: Bool { pages.reduce(0) { $0 + $1.count } == pageCount }
    }

    /// What was found of a checkpoint.
    package struct Verdict: Sendable, Equatable {
        /// The checkpoint.
        package let name: CheckpointName
        /// Whether all of its memory is lost, since its file cannot be read.
        package var isLost = false
        /// Whether its device state is lost.
        package var isDeviceStateLost = false
        /// The pages that are lost, by RAM block.
        package var losses: [Losses] = []

        /// Whether it can be restored, device state and all.
        package var isWhole: Bool { !isLost && !isDeviceStateLost && losses.isEmpty }
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
    package var specifiers: [CheckpointSpecifier] = []
    /// Whether pages are left unread, and only the checksums of what holds them compared.
    package var isQuick = false

    /// Prepares to verify; everything has a default.
    package init() {}

    /// Checks.
    ///
    /// Nothing is changed; what is damaged is reported, not thrown.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - context: How to run; its warnings are no damage.
    /// - Throws: `.notFound` if there is no store or no such checkpoint; `.damaged` if the index,
    ///   which would have to find a checkpoint, is; `.usage`, `.unsupported`, `.busy`,
    ///   `.permission`, `.interrupted`.
    package func run(
        in path: FilePath, _ context: WorkContext
    ) throws(SnapError) -> Outcome {
        var outcome = Outcome()
        do throws(SnapError) {
            let store = try Store(reading: path, context)
            try check(store, context, into: &outcome)
        } catch {
            // Damage of files is reported, not thrown: this is the index, or store.json. Without
            // them the files can be checked by themselves, unless a checkpoint was to be found.
            guard error.code == .damaged, specifiers.isEmpty else { throw error }
            outcome = Outcome(damage: [error])
            try checkFiles(of: StoreDirectory(path, context), context, into: &outcome)
        }
        outcome.sort()
        return outcome
    }

    private func check(
        _ store: borrowing Store, _ context: WorkContext, into outcome: inout Outcome
    ) throws(SnapError) {
        try store.index.checkIntegrity()
        if specifiers.isEmpty {
            let listed = try store.index.checkpoints().map(\.guest)
            let present = try store.directory.guests()
            for guest in (listed + present).uniqued() {
                try check(
                    store.guest(guest), in: store.index, only: nil, context: context, into: &outcome
                )
            }
            return
        }
        var named: [Checkpoint] = []
        for specifier in specifiers { named.append(try specifier.resolve(in: store.index)) }
        for guest in named.map(\.guest).uniqued() {
            let numbers = Set(named.filter { $0.guest == guest }.map(\.number))
            try check(
                store.guest(guest), in: store.index, only: numbers, context: context, into: &outcome
            )
        }
    }

    private func checkFiles(
        of store: StoreDirectory, _ context: WorkContext, into outcome: inout Outcome
    ) throws(SnapError) {
        for guest in try store.guests() {
            try check(
                store.guest(guest), in: nil, only: nil, context: context, into: &outcome)
        }
    }

    private func check(
        _ guest: GuestDirectory, in index: CheckpointIndex?, only numbers: Set<Int>?,
        context: WorkContext, into outcome: inout Outcome
    ) throws(SnapError) {
        do throws(SnapError) {
            // What stands in the place of a guest's directory hides no other guest.
            _ = try guest.directory.status()
        } catch let error where error.code == .damaged {
            outcome.damage.append(error)
            return
        }
        // Held while the guest's files are read: nothing that is live is freed meanwhile.
        try guest.withReaderLock(context) { () throws(SnapError) in
            var verification = try GuestVerification(of: guest, in: index, only: numbers)
            try verification.checkMemory(
                isQuick: isQuick, isAll: specifiers.isEmpty, context)
            try verification.warnOfUnlisted(context)
            outcome.verdicts += verification.verdicts
            outcome.damage += verification.damage
            outcome.checkedPageCount += verification.checkedPageCount
        }
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
        verdicts.sort { $0.name < $1.name }
    }
}
