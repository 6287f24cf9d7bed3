// snap save: what has changed in a memory image since its parent becomes a checkpoint.
//
//     unit ─ read once ─ zero? ─ digest ─ parent's? │ in order: duplicates │ delta or literal ─
//     clusters ─ compress │ in order: append the group ─ the table, when its subtree ends │
//     trailer ─ fsync ─ name ─ index row

import CheckpointIndex
package import GuestMemory
package import MigrationStream
import SavevmFormat
package import SnapSystem
import Synchronization
package import SystemPackage

/// Takes a checkpoint of a guest's memory at rest.
package struct Save: Sendable {
    /// A device-state file to keep with the checkpoint.
    package struct DeviceState: Sendable, Equatable {
        /// The name of its section.
        package let name: GuestName
        /// Where it is.
        package let path: FilePath

        /// Names a file; the parameters are the properties.
        package init(name: GuestName, path: FilePath) {
            self.name = name
            self.path = path
        }
    }

    /// Where the memory is.
    package enum Source: Sendable {
        /// In a file; its form is told by its first bytes, unless it is given.
        case image(FilePath, ImageFormat?)
        /// In a QEMU stream on standard input.
        case standardInput
        /// In raw files, one for each RAM block.
        case blocks([RAMBlockFile])
        /// In a running guest, whose QMP socket this is.
        case monitor(FilePath)
    }

    /// A raw file that is a RAM block.
    package struct RAMBlockFile: Sendable, Equatable {
        /// The block's name.
        package let name: String
        /// Where its bytes are.
        package let path: FilePath
        /// Where the guest sees it, if known.
        package let guestPhysicalAddress: UInt64?

        /// Names a file; the parameters are the properties.
        package init(name: String, path: FilePath, guestPhysicalAddress: UInt64?) {
            self.name = name
            self.path = path
            self.guestPhysicalAddress = guestPhysicalAddress
        }
    }

    /// Which pages of a RAM block may differ from the parent's.
    package struct DirtyBitmapFile: Sendable, Equatable {
        /// The block's name; nil for the only one.
        package let blockName: String?
        /// Where the bitmap is.
        package let path: FilePath

        /// Names a file; the parameters are the properties.
        package init(blockName: String?, path: FilePath) {
            self.blockName = blockName
            self.path = path
        }
    }

    /// What the new checkpoint shares pages with.
    package enum Parent: Sendable {
        /// The guest's newest checkpoint, if it fits.
        case newest
        /// This checkpoint, which must fit.
        case checkpoint(CheckpointReference)
        /// Nothing.
        case none
    }

    /// Whose memory it is.
    package var guest: GuestName
    /// Where its memory is.
    package var source: Source
    /// Device-state files, in order.
    package var deviceStates: [DeviceState] = []
    /// What to share pages with.
    package var parent = Parent.newest
    /// The pages that may differ from the parent, which must then be named; blocks without a
    /// bitmap are compared whole.
    package var dirtyBitmaps: [DirtyBitmapFile] = []
    /// Whether no digest is believed: a page is the parent's if its bytes are.
    package var comparesBytes = false
    /// The compression level, 0 to 9.
    package var level = 1
    /// The user's words for it.
    package var label: String?
    /// Whether a guest that a save which died has left paused is let go first.
    package var resumesStale = false
    /// How many workers, at least 1.
    package var jobs = 1
    /// How long to wait for a lock.
    package var patience = Duration.zero
    /// Where it tells how far it has come.
    package var progress = WorkProgress()
    /// The new checkpoint's id.
    package var checkpointID = Identifier.random()
    /// When the image was at rest: now, as far as anybody knows.
    package var createdAt = Timestamp.now

    /// Prepares to save; everything else has a default.
    ///
    /// - Parameters:
    ///   - source: Where the memory is.
    ///   - guest: Whose memory it is.
    package init(_ source: Source, guest: GuestName) {
        self.source = source
        self.guest = guest
    }

    /// What a save has done.
    package struct Outcome: Sendable {
        /// The new checkpoint.
        package let checkpoint: Checkpoint
        /// How long a running guest was stopped for it; nil if it was not.
        package let standstill: Duration?
    }

    /// Takes the checkpoint.
    ///
    /// On failure the store's checkpoints are what they were, and a guest that was running runs.
    /// An index row that cannot be written after the checkpoint is safe is a warning: the next
    /// save adopts the file.
    ///
    /// - Parameters:
    ///   - store: The store's directory; made if it is not there.
    ///   - calls: The seam.
    ///   - warn: Takes what is worth a warning.
    /// - Returns: The new checkpoint.
    /// - Throws: By code: `.notFound`, `.permission`, `.mismatch` or `.inputDamaged` for an input;
    ///   `.busy`; `.damaged` for the parent's files; `.unsupported`; `.inputOutput`;
    ///   `.interrupted`.
    package func run(
        in store: FilePath, _ calls: SystemCalls, warn: (SnapError) -> Void
    ) throws(SnapError) -> Outcome {
        // Inputs first: where they cannot be opened nothing is made.
        let inputs = try SaveInputs(self, calls)
        try inputs.noticeEmptyFiles(warn: warn)
        let root = Directory(store, calls)
        let isNewStore = try root.status() == nil
        let isNewGuest = try Store.guest(guest, in: root).directory.status() == nil
        do throws(SnapError) {
            let prepared = isNewGuest ? try prepareForNewGuest(inputs, root, warn) : nil
            return try run(inputs, prepared, in: store, calls, warn: warn)
        } catch {
            if isNewGuest { NewStoreRemoval.run(guest, in: root, isNewStore: isNewStore) }
            throw error
        }
    }

    private func run(
        _ inputs: SaveInputs, _ prepared: consuming Prepared?, in store: FilePath,
        _ calls: SystemCalls, warn: (SnapError) -> Void
    ) throws(SnapError) -> Outcome {
        let store = try Store(writing: store, patience: patience, calls, warn: warn)
        if case .checkpoint(let reference) = parent {
            try check(try reference.resolve(in: store.index))
        }
        let directory = store.guest(guest)
        let lock = try directory.lockForWriting(patience: patience)
        let present = try Reconciliation.run(directory, store.index, warn: warn)
        let number = present.highestNumber + 1
        guard number <= Checkpoint.numberMax else {
            throw SnapError(
                .unsupported, "guest \(guest) has used all \(Checkpoint.numberMax) numbers",
                path: directory.directory.path)
        }
        let taken: Taken
        do throws(SnapError) {
            if prepared == nil { prepared = try prepare(inputs, directory.directory, warn) }
            guard let ready = prepared.take() else {
                throw SnapError(.internalFailure, "nothing was prepared for a save")
            }
            taken = try take(ready, number, directory, store, without: present.lost)
        } catch let error where error.code == .damaged && error.hint == nil {
            throw error.with(hint: "snap save --full shares nothing with what is damaged")
        }
        let checkpoint = taken.indexed.checkpoint
        do { try store.index.insert([taken.indexed]) } catch {
            let reason = "\(error)"
            warn(
                SnapError(
                    error.code,
                    "\(checkpoint.reference) is saved, but not in the index: \(reason)",
                    hint: "the next save of the guest, or snap reindex, adds it"))
        }
        _ = consume lock
        if let failure = taken.failure {
            throw SnapError(
                failure.code, "\(checkpoint.reference) is saved, but the \(failure.message)",
                path: failure.path, hint: failure.hint)
        }
        return Outcome(checkpoint: checkpoint, standstill: taken.standstill)
    }

    /// A checkpoint whose files are in the store.
    struct Taken {
        let indexed: IndexedCheckpoint
        /// How long the guest stood still for it; nil if it did not.
        var standstill: Duration?
        /// Why the guest still does.
        var failure: SnapError?
    }

    /// All that a save needs to know before it writes.
    private enum Prepared: ~Copyable {
        case content(SaveContent)
        case running(Standstill)
    }

    /// Reads what is to be saved, or connects to the guest, before a directory is made for it: what
    /// turns out damaged leaves no new store and no new guest behind.
    ///
    /// A guest that has a directory is locked first.
    private func prepareForNewGuest(
        _ inputs: SaveInputs, _ store: Directory, _ warn: (SnapError) -> Void
    ) throws(SnapError) -> Prepared {
        let directory = Store.guest(guest, in: store).directory
        if case .checkpoint(let reference) = parent {
            let store = try Store(reading: store.path, patience: patience, store.calls)
            try check(try reference.resolve(in: store.index))
        }
        return try prepare(inputs, directory, warn)
    }

    private func prepare(
        _ inputs: SaveInputs, _ guest: Directory, _ warn: (SnapError) -> Void
    ) throws(SnapError) -> Prepared {
        if case .monitor(let socket) = source {
            return .running(try Standstill(socket, self, guest, warn: warn))
        }
        return .content(
            try inputs.read(scratch: try guest.nearestExisting(), progress, warn: warn))
    }

    private func take(
        _ prepared: consuming Prepared, _ number: Int, _ guest: GuestDirectory,
        _ store: borrowing Store, without lost: Set<Int>
    ) throws(SnapError) -> Taken {
        switch consume prepared {
        case .running(let standstill):
            return try takeRunning(standstill, number, guest, store, without: lost)
        case .content(let content):
            let parent = try findParent(
                for: content.images.map(\.block), guest, store.index, without: lost)
            let session = try SaveSession(
                self, content, number: number, parent, guest.directory, store.identity)
            return Taken(indexed: try session.write())
        }
    }

    private func check(_ parent: Checkpoint) throws(SnapError) {
        guard parent.guest == guest else {
            throw SnapError(.usage, "parent \(parent.reference) is not of guest \(guest)")
        }
    }

    /// Opens the checkpoint to share with, and decides what of it can be shared.
    func findParent(
        for blocks: [RAMBlock], _ guest: GuestDirectory, _ index: CheckpointIndex,
        without lost: Set<Int>
    ) throws(SnapError) -> SaveParent? {
        switch parent {
        case .none: return nil
        case .newest:
            var back = 0
            while let newest = try index.latest(of: guest.guest, back: back) {
                back += 1
                if lost.contains(newest.number) { continue }
                let parent = try SaveParent(newest, of: guest)
                return parent.matches(blocks) ? parent : nil
            }
            return nil
        case .checkpoint(let reference):
            let checkpoint = try reference.resolve(in: index)
            try check(checkpoint)
            let parent = try SaveParent(checkpoint, of: guest)
            guard parent.matches(blocks) else {
                let byteCount = blocks.reduce(0) { $0 + $1.byteCount }
                throw SnapError(
                    .mismatch,
                    "memory has \(byteCount) bytes, parent \(checkpoint.reference) has "
                        + "\(checkpoint.memoryByteCount), and no RAM block of the same name and "
                        + "length")
            }
            return parent
        }
    }
}
