// snap save: what has changed in a memory image since its parent becomes a checkpoint.
//
//     unit ─ read once ─ zero? ─ digest ─ parent's? │ in order: duplicates │ delta or literal ─
//     clusters ─ compress │ in order: append the group ─ the table, when its subtree ends │
//     trailer ─ fsync ─ name ─ index row

import CheckpointIndex
package import GuestMemory
import SavevmFormat
package import SnapSystem
import Synchronization
package import SystemPackage

/// Takes a checkpoint of a memory image at rest.
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
    /// The raw memory image.
    package var image: FilePath
    /// Device-state files, in order.
    package var deviceStates: [DeviceState] = []
    /// What to share pages with.
    package var parent = Parent.newest
    /// The pages that may differ from the parent, which must then be named; nil to compare all.
    package var dirtyBitmap: FilePath?
    /// Whether no digest is believed: a page is the parent's if its bytes are.
    package var comparesBytes = false
    /// The compression level, 0 to 9.
    package var level = 1
    /// The user's words for it.
    package var label: String?
    /// How many workers, at least 1.
    package var jobs = 1
    /// How long to wait for a lock.
    package var patience = Duration.zero
    /// The new checkpoint's id.
    package var checkpointID = Identifier.random()
    /// When the image was at rest: now, as far as anybody knows.
    package var createdAt = Timestamp.now

    /// Prepares to save; everything else has a default.
    ///
    /// - Parameters:
    ///   - image: The raw memory image.
    ///   - guest: Whose memory it is.
    package init(_ image: FilePath, guest: GuestName) {
        self.image = image
        self.guest = guest
    }

    /// Takes the checkpoint.
    ///
    /// On failure the store's checkpoints are what they were. An index row that cannot be written
    /// after the checkpoint is safe is a warning: the next save adopts the file.
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
    ) throws(SnapError) -> Checkpoint {
        // Inputs first: a command that cannot work leaves no new store behind.
        let image = try MemoryImage(raw: image, calls)
        for state in deviceStates { _ = try Self.open(state, calls) }
        if let dirtyBitmap { _ = try DirtyBitmap(dirtyBitmap, of: image.block, calls) }
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
        let indexed: IndexedCheckpoint
        do throws(SnapError) {
            let parent = try findParent(
                for: image.block, directory, store.index, without: present.lost)
            indexed = try SaveSession(
                save: self, directory: directory.directory, identity: store.identity,
                number: number, parent: parent
            ).write(image)
        } catch let error where error.code == .damaged && error.hint == nil {
            throw error.with(hint: "snap save --full shares nothing with what is damaged")
        }
        do { try store.index.insert([indexed]) } catch {
            let reason = "\(error)"
            warn(
                SnapError(
                    error.code,
                    "\(indexed.checkpoint.reference) is saved, but not in the index: \(reason)",
                    hint: "the next save of the guest, or snap reindex, adds it"))
        }
        _ = consume lock
        return indexed.checkpoint
    }

    static func open(_ state: DeviceState, _ calls: SystemCalls) throws(SnapError) -> File {
        let file = try File(reading: state.path, calls)
        guard try file.status().kind == .regular else {
            throw SnapError(.notFound, "is not a regular file", path: state.path)
        }
        return file
    }

    private func check(_ parent: Checkpoint) throws(SnapError) {
        guard parent.guest == guest else {
            throw SnapError(.usage, "parent \(parent.reference) is not of guest \(guest)")
        }
    }

    /// Opens the checkpoint to share with, and decides what of it can be shared.
    private func findParent(
        for block: RAMBlock, _ guest: GuestDirectory, _ index: CheckpointIndex,
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
                return parent.block(matching: block) == nil ? nil : parent
            }
            return nil
        case .checkpoint(let reference):
            let checkpoint = try reference.resolve(in: index)
            try check(checkpoint)
            let parent = try SaveParent(checkpoint, of: guest)
            guard parent.block(matching: block) != nil else {
                throw SnapError(
                    .mismatch,
                    "length is \(block.byteCount) bytes, parent \(checkpoint.reference) has "
                        + "\(checkpoint.memoryByteCount)", path: image)
            }
            return parent
        }
    }
}
