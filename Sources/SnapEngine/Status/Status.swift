// snap status: the age of the newest checkpoints, disk use, and what verifications have found.
//
//     index: counts, newest checkpoint, records │ directories: disk use │ file system: free space
//
// It reads no checkpoint and takes no lock, so it is fast and never waits for a save.

import CheckpointIndex
import CheckpointStore
package import GuestMemory
import SavevmFormat
package import SnapSystem
package import SystemPackage
package import WorkPipeline

/// Inspects the condition of a store.
package struct Status: Sendable {
    /// The guest to inspect; nil for all that have checkpoints.
    package var guest: GuestName?
    /// Guests whose names match one of these patterns are left out.
    package var ignored: [GlobPattern] = []
    /// The time at or after which each guest must have a checkpoint; nil for any age.
    package var oldestAllowed: Timestamp?

    /// Creates an inspection; the parameter is the property of that name.
    package init(_ guest: GuestName? = nil) {
        self.guest = guest
    }

    /// Inspects the store.
    ///
    /// - Parameters:
    ///   - path: The store's directory.
    ///   - context: Supplies the system calls and receives warnings.
    /// - Returns: The condition of the store and its guests.
    /// - Throws: `.notFound` if there is no store or no such guest; `.damaged` for the index;
    ///   `.unsupported`, `.permission` or `.inputOutput`.
    package func run(
        in path: FilePath, _ context: WorkContext
    ) throws(SnapError) -> StoreStatus {
        let store = try Store(reading: path, context)
        if let guest { try store.requireGuest(guest) }
        try store.warnOfUnfinishedSaves(of: guest, context)
        var guests: [StoreStatus.Guest] = []
        var diskByteCount = try store.commonDiskByteCount()
        for summary in try store.index.guestSummaries() {
            let used = try self.diskByteCount(of: summary.name, in: store, context)
            diskByteCount = diskByteCount.addingClamped(used)
            if let status = try status(summary, diskByteCount: used, in: store) {
                guests.append(status)
            }
        }
        let space = try store.fileSystemSpace()
        return StoreStatus(
            time: .now, guests: guests, diskByteCount: diskByteCount, freeByteCount: space.free,
            fileSystemByteCount: space.total)
    }

    /// Whether a guest is inspected.
    private func includes(_ name: GuestName) -> Bool {
        if let guest { return name == guest }
        return !ignored.contains { $0.matches(name.description) }
    }

    private func status(
        _ summary: CheckpointIndex.GuestSummary, diskByteCount: Int, in store: borrowing Store
    ) throws(SnapError) -> StoreStatus.Guest? {
        guard includes(summary.name), summary.checkpointCount > 0 || guest != nil else {
            return nil
        }
        let newest = try newest(of: summary.name, in: store)
        let damage =
            summary.hasDamage
            ? try store.index.damageRecords(of: summary.name) : VerificationRecords()
        return StoreStatus.Guest(
            name: summary.name, newest: newest, checkpointCount: summary.checkpointCount,
            diskByteCount: diskByteCount, reclamation: summary.reclamation,
            oldestVerification: summary.oldestVerification,
            unverifiedFileCount: summary.unverifiedFileCount, damage: damage.damage,
            damagedCheckpoints: damage.damagedCheckpoints.sorted(),
            isTooOld: oldestAllowed.map { limit in
                newest.map { $0.createdAt < limit } ?? true
            } ?? false)
    }

    /// Finds the newest checkpoint that has a savevm file.
    private func newest(
        of guest: GuestName, in store: borrowing Store
    ) throws(SnapError) -> Checkpoint? {
        let directory = store.guest(guest).directory
        var back = 0
        while let checkpoint = try store.index.latest(of: guest, back: back) {
            let name = FileName.savevm(checkpoint.number).text
            do throws(SnapError) {
                if try directory.status(of: name) != nil { return checkpoint }
            } catch {
                guard error.code == .notFound || error.code == .damaged else { throw error }
                return nil
            }
            back += 1
        }
        return nil
    }

    /// Returns the disk use of a guest's files; 0 with a warning if its directory is damaged.
    private func diskByteCount(
        of guest: GuestName, in store: borrowing Store, _ context: WorkContext
    ) throws(SnapError) -> Int {
        do throws(SnapError) { return try store.diskByteCount(of: guest) } catch {
            guard error.code == .damaged else { throw error }
            context.warn(error)
            return 0
        }
    }
}
