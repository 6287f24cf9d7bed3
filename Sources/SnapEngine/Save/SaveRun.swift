import CheckpointIndex
import CheckpointStore
import GuestMemory
import LiveGuest
import SavevmFormat
import SnapSystem
import SystemPackage
import WorkPipeline

/// One save, from its inputs to the index row.
struct SaveRun {
    /// What is to be saved, found before the store is written to.
    private enum Prepared: ~Copyable {
        case content(SaveContent)
        case running(PausableGuest)
    }

    /// A checkpoint whose files are in the store.
    private struct Saved {
        let indexed: IndexedCheckpoint
        /// How long the guest was paused for it; nil if it was not.
        var pauseDuration: Duration?
        /// Why the guest could not be resumed.
        var resumeFailure: SnapError?
    }

    private let save: Save
    private let stamp: CheckpointStamp
    private let store: StoreDirectory
    private let context: WorkContext
    private let inputs: InputFiles

    /// Opens the inputs: where they cannot be opened nothing is made.
    ///
    /// - Parameters:
    ///   - save: What the user asks for.
    ///   - store: The store's directory.
    ///   - context: How to run.
    ///   - stamp: The new checkpoint's id and time.
    /// - Throws: As `InputFiles`.
    init(
        of save: Save, in store: FilePath, _ context: WorkContext, stamp: CheckpointStamp
    ) throws(SnapError) {
        inputs = try InputFiles(of: save, context.calls)
        self.save = save
        self.stamp = stamp
        self.store = StoreDirectory(store, context.calls)
        self.context = context
    }

    /// Takes the checkpoint.
    ///
    /// - Throws: As `Save.run`.
    func run() throws(SnapError) -> Save.Outcome {
        try inputs.warnOfEmptyFiles(context)
        let isNewStore = try store.directory.status() == nil
        let isNewGuest = try store.guest(save.guest).directory.status() == nil
        do throws(SnapError) {
            return try write(isNewGuest ? try prepareForNewGuest() : nil)
        } catch {
            if isNewGuest {
                NewStoreRemoval.run(save.guest, in: store, isNewStore: isNewStore)
            }
            throw error
        }
    }

    // MARK: What is saved

    /// Reads what is to be saved, or connects to the guest, before a directory is made for it: what
    /// turns out damaged leaves no new store and no new guest behind.
    ///
    /// A guest that has a directory is locked first.
    private func prepareForNewGuest() throws(SnapError) -> Prepared {
        if case .checkpoint(let specifier) = save.parent {
            let store = try Store(reading: store.path, context)
            try check(try specifier.resolve(in: store.index))
        }
        return try prepare()
    }

    private func prepare() throws(SnapError) -> Prepared {
        let guest = store.guest(save.guest).directory
        if case .runningGuest(let socket) = save.source {
            return .running(
                try PausableGuest(
                    at: socket, in: guest, resumesInterrupted: save.resumesInterrupted, context))
        }
        return .content(try inputs.read(scratch: try guest.nearestExisting(), context))
    }

    // MARK: Writing

    private func write(_ prepared: consuming Prepared?) throws(SnapError) -> Save.Outcome {
        var prepared = prepared
        let store = try Store(writing: store.path, context)
        // Resolved again under the lock; here so that a wrong one is refused before it is waited
        // for.
        if case .checkpoint(let specifier) = save.parent {
            try check(try specifier.resolve(in: store.index))
        }
        let saved = try store.guest(save.guest).withWriterLock(timeout: context.lockTimeout) {
            () throws(SnapError) in try write(&prepared, to: store)
        }
        let checkpoint = saved.indexed.checkpoint
        if let failure = saved.resumeFailure {
            throw SnapError(
                failure.code, "\(checkpoint.name) is saved, but the \(failure.message)",
                path: failure.path, hint: failure.hint)
        }
        return Save.Outcome(checkpoint: checkpoint, pauseDuration: saved.pauseDuration)
    }

    /// Writes the checkpoint's files and its row; the guest's writer lock is held.
    private func write(
        _ prepared: inout Prepared?, to store: borrowing Store
    ) throws(SnapError) -> Saved {
        let guest = store.guest(save.guest)
        let present = try Reconciliation(of: guest, in: store.index, context: context).run()
        let number = present.highestNumber + 1
        guard number <= Checkpoint.numberMax else {
            throw SnapError(
                .unsupported, "guest \(save.guest) has used all \(Checkpoint.numberMax) numbers",
                path: guest.directory.path)
        }
        let target = CheckpointTarget(
            name: CheckpointName(guest: save.guest, number: number), stamp: stamp,
            label: save.label, guest: guest, identity: store.identity)
        let parents = ParentSearch(
            save.parent, of: guest, in: store.index, without: present.lost)
        let saved: Saved
        do throws(SnapError) {
            if prepared == nil { prepared = try prepare() }
            guard let ready = prepared.take() else {
                throw SnapError(.internalFailure, "nothing was prepared for a save")
            }
            saved = try write(ready, to: target, sharingWith: parents)
        } catch let error where error.code == .damaged && error.hint == nil {
            throw error.with(hint: "snap save --full shares nothing with what is damaged")
        }
        insertRow(of: saved.indexed, in: store.index)
        return saved
    }

    private func write(
        _ prepared: consuming Prepared, to target: CheckpointTarget,
        sharingWith parents: ParentSearch
    ) throws(SnapError) -> Saved {
        switch consume prepared {
        case .content(let content):
            let parent = try parents.find(for: content.images.map(\.block))
            return Saved(indexed: try write(content, to: target, parent).commit())
        case .running(var running):
            // Before the guest is paused, and so before QEMU says what the blocks are called.
            let parent = try parents.find(
                for: running.images.map { RAMBlock(name: "", byteCount: $0.block.byteCount) })
            let images = running.images
            let socket = running.socket
            let pages = try running.whilePaused { (stream) throws(SnapError) in
                let content = try SaveContent(images, stream, path: socket)
                return try write(content, to: target, parent)
            }
            return Saved(
                indexed: try pages.commit(), pauseDuration: running.pauseDuration,
                resumeFailure: running.resumeFailure)
        }
    }

    /// Writes the pages of RAM at rest.
    private func write(
        _ content: SaveContent, to target: CheckpointTarget, _ parent: ParentCheckpoint?
    ) throws(SnapError) -> UncommittedCheckpoint {
        let blocks = try SaveBlock.pair(
            content.images, with: parent,
            dirtyBitmaps: try save.dirtyBitmaps(of: content.images.map(\.block)))
        return try CheckpointWriter(
            of: blocks, and: content.deviceStates, to: target, parent: parent,
            encoding: save.encoding
        ).writePages(context)
    }

    private func insertRow(of indexed: IndexedCheckpoint, in index: CheckpointIndex) {
        do { try index.insert([indexed]) } catch {
            context.warn(
                SnapError(
                    error.code,
                    "\(indexed.checkpoint.name) is saved, but not in the index: \(error)",
                    hint: "the next save of the guest, or snap reindex, adds it"))
        }
    }

    private func check(_ parent: Checkpoint) throws(SnapError) {
        try ParentSearch.check(parent, of: save.guest)
    }
}
