// snap delete: checkpoints are given up, and with them the files that no other needs.
//
//     savevm → .retired by rename ─ fsync ─ index row │ readers gone ─ unlink what no remaining
//     checkpoint refers to

import CheckpointIndex
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage

/// Gives checkpoints up.
package struct Delete: Sendable {
    /// What a deletion has done, or would do.
    package struct Outcome: Sendable {
        /// The checkpoints that are gone, in the order they were named in.
        package fileprivate(set) var deleted: [Deleted] = []
        /// How many bytes of the store were given back.
        package fileprivate(set) var freedByteCount = 0
        /// How many files of deleted checkpoints stay because others refer to them.
        package fileprivate(set) var keptFileCount = 0
    }

    /// A checkpoint that is gone.
    package struct Deleted: Sendable, Hashable {
        /// Whose it was.
        package let guest: GuestName
        /// Its number.
        package let number: Int

        /// `web1:7`.
        package var reference: String { "\(guest):\(number)" }
    }

    /// Which checkpoints: `GUEST:N` or whole ids.
    package var references: [CheckpointReference]
    /// Whether a guest may lose its last checkpoint.
    package var allowsLast = false
    /// How long to wait for a lock.
    package var patience = Duration.zero

    /// Prepares to delete; everything else has a default.
    ///
    /// - Parameter references: Which checkpoints: `GUEST:N` or whole ids.
    /// - Throws: `.usage` for another kind of reference.
    package init(_ references: [CheckpointReference]) throws(SnapError) {
        for reference in references where !reference.isExact {
            throw SnapError(
                .usage, "\(reference) may name another checkpoint tomorrow",
                hint: "delete takes GUEST:NUMBER and whole ids")
        }
        self.references = references
    }

    /// Deletes the checkpoints.
    ///
    /// Either all of them are there, or nothing is done. On a later failure, or interrupted, it
    /// stops between two checkpoints, and the error's hint says which are gone; space that could
    /// not be given back is at the guest's next save or deletion.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - calls: The seam.
    ///   - warn: Takes what is worth a warning.
    /// - Throws: By code: `.notFound`; `.usage` for a guest's last checkpoint; `.busy`;
    ///   `.damaged` for the index; `.permission`; `.inputOutput`; `.interrupted`.
    package func run(
        in store: FilePath, _ calls: SystemCalls, warn: (SnapError) -> Void
    ) throws(SnapError) -> Outcome {
        // Opened to read first: a store that is not there is not made.
        let targets = try targets(in: try Store(reading: store, patience: patience, calls))
        let store = try Store(writing: store, patience: patience, calls, warn: warn)
        var outcome = Outcome()
        do throws(SnapError) {
            for guest in targets.map(\.guest).uniqued() {
                let numbers = targets.filter { $0.guest == guest }.map(\.number)
                try delete(numbers, of: store.guest(guest), store.index, &outcome, warn: warn)
            }
        } catch {
            if outcome.deleted.isEmpty { throw error }
            let gone = outcome.deleted.map(\.reference).joined(separator: ", ")
            throw error.with(hint: "gone all the same: \(gone)")
        }
        return outcome
    }

    private func delete(
        _ numbers: [Int], of guest: GuestDirectory, _ index: CheckpointIndex,
        _ outcome: inout Outcome, warn: (SnapError) -> Void
    ) throws(SnapError) {
        let lock = try guest.lockForWriting(patience: patience)
        let present = try Reconciliation.run(guest, index, warn: warn)
        outcome.freedByteCount += present.freedByteCount
        try check(numbers, of: guest, index, present.files)
        for number in numbers {
            try Interruption.check()
            try Self.retire(number, of: guest.directory, present.files)
            outcome.deleted.append(Deleted(guest: guest.guest, number: number))
            outcome.freedByteCount += try SpaceReturn.noteRetired(
                [number], of: guest, index, patience: patience, warn: warn)
        }
        let returned = try SpaceReturn.run(guest, index, patience: patience, warn: warn)
        outcome.freedByteCount += returned.freedByteCount
        outcome.keptFileCount += returned.keptFileCount
        _ = consume lock
    }

    /// Finds out what would be deleted, and changes nothing.
    ///
    /// - Parameters:
    ///   - store: The store's directory.
    ///   - calls: The seam.
    ///   - warn: Takes what is worth a warning.
    /// - Throws: as `run`.
    package func plan(
        in store: FilePath, _ calls: SystemCalls, warn: (SnapError) -> Void
    ) throws(SnapError) -> Outcome {
        let store = try Store(reading: store, patience: patience, calls)
        var outcome = Outcome(deleted: try targets(in: store))
        for guest in outcome.deleted.map(\.guest).uniqued() {
            let directory = store.guest(guest)
            let numbers = Set(outcome.deleted.filter { $0.guest == guest }.map(\.number))
            let planned = try SpaceReturn.plan(directory, without: numbers, warn: warn)
            outcome.freedByteCount += planned.freedByteCount
            outcome.keptFileCount += planned.keptFileCount
        }
        return outcome
    }

    /// The checkpoints that are named, each once, all of them there.
    private func targets(in store: borrowing Store) throws(SnapError) -> [Deleted] {
        var targets: [Deleted] = []
        for reference in references {
            targets.append(try target(reference, in: store))
        }
        targets = targets.uniqued()
        for guest in targets.map(\.guest).uniqued() {
            let numbers = targets.filter { $0.guest == guest }.map(\.number)
            let directory = store.guest(guest)
            try check(numbers, of: directory, store.index, try directory.files())
        }
        return targets
    }

    private func target(
        _ reference: CheckpointReference, in store: borrowing Store
    ) throws(SnapError) -> Deleted {
        // A file that is too damaged for the index can be given up all the same.
        if case .number(let guest, let number) = reference,
            try store.guest(guest).files().savevm.contains(number)
        {
            return Deleted(guest: guest, number: number)
        }
        guard case .guestOrID(let id) = reference else {
            let checkpoint = try reference.resolve(in: store.index)
            return Deleted(guest: checkpoint.guest, number: checkpoint.number)
        }
        // A guest may have a name that looks like an id; here it is the id.
        guard let checkpoint = try store.index.checkpoints(idPrefix: id.lowercased()).first else {
            throw SnapError(.notFound, "no checkpoint of id \(id)", path: store.index.path)
        }
        return Deleted(guest: checkpoint.guest, number: checkpoint.number)
    }

    private func check(
        _ numbers: [Int], of guest: GuestDirectory, _ index: CheckpointIndex,
        _ files: GuestDirectory.Files
    ) throws(SnapError) {
        let live = try index.numbers(of: guest.guest).live.union(files.savevm)
        for number in numbers where !live.contains(number) {
            throw SnapError(.notFound, "guest \"\(guest.guest)\" has no checkpoint \(number)")
        }
        let others = files.savevm.subtracting(numbers).sorted(by: >)
        let isOneLeft = try Self.isOneWhole(among: others, of: guest.directory)
        guard allowsLast || isOneLeft else {
            throw SnapError(
                .usage, "guest \"\(guest.guest)\" would have no checkpoint left",
                hint: "--allow-last deletes the last one too")
        }
    }

    /// Whether a checkpoint can be opened: what cannot is none to fall back on.
    private static func isOneWhole(
        among numbers: [Int], of directory: Directory
    ) throws(SnapError) -> Bool {
        for number in numbers {
            do {
                _ = try SavevmFile(
                    directory.file(FileName.savevm(number).text), directory.calls)
                return true
            } catch let error where error.code == .damaged || error.code == .unsupported {
                continue
            }
        }
        return false
    }

    /// Makes a checkpoint's file a retired one: the rename is where the checkpoint ends.
    private static func retire(
        _ number: Int, of directory: Directory, _ files: GuestDirectory.Files
    ) throws(SnapError) {
        let retired = FileName.retired(number).text
        if !files.savevm.contains(number) {
            // Its file was lost; its number stays taken.
            _ = try File(makingIfAbsent: directory.file(retired), directory.calls)
        } else if files.retired.contains(number) {
            throw SnapError(
                .cannotCreate, "exists beside the checkpoint's own file",
                path: directory.file(retired),
                hint: "one of the two is a copy; move it out of the store")
        } else {
            try directory.rename(FileName.savevm(number).text, to: retired)
        }
        try directory.synchronize()
    }
}
