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
    /// What is to be saved.
    private enum Subject: ~Copyable {
        /// RAM at rest.
        case atRest(SaveContent)
        /// A guest that is paused while its RAM is read.
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
    private let storeDirectory: StoreDirectory
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
        storeDirectory = StoreDirectory(store, context)
        self.context = context
    }

    private var guestDirectory: GuestDirectory { storeDirectory.guest(save.guest) }

    /// Takes the checkpoint.
    ///
    /// - Throws: As `Save.run`.
    func run() throws(SnapError) -> Save.Outcome {
        try inputs.warnOfEmptyFiles(context)
        let isNewGuest = try guestDirectory.directory.status() == nil
        if isNewGuest { return try outcome(of: try saveNewGuest()) }
        var subject: Subject?
        return try outcome(of: try lockAndSave(&subject))
    }

    /// Takes a guest's first checkpoint; on failure neither its directory nor a new store stays.
    private func saveNewGuest() throws(SnapError) -> Saved {
        let isNewStore = try storeDirectory.root.status() == nil
        do throws(SnapError) {
            // Before a directory is made: what turns out damaged makes none. A guest that has a
            // directory is locked first.
            try checkParentOfNewGuest()
            var subject: Subject? = try findSubject()
            return try lockAndSave(&subject)
        } catch {
            NewStoreRemoval.run(save.guest, in: storeDirectory, isNewStore: isNewStore, context)
            throw error
        }
    }

    /// Refuses a parent that is not there, or another guest's, before the inputs are read.
    private func checkParentOfNewGuest() throws(SnapError) {
        guard case .checkpoint(let specifier) = save.parent else { return }
        let store = try Store(reading: storeDirectory.path, context)
        try ParentSearch.check(try specifier.resolve(in: store.index), of: save.guest)
    }

    /// Reads what is to be saved, or connects to the guest.
    private func findSubject() throws(SnapError) -> Subject {
        let directory = guestDirectory.directory
        if case .runningGuest(let socket) = save.input {
            var guest = try PausableGuest.connect(
                to: socket, in: directory, resumesInterrupted: save.resumesInterrupted, context)
            guest.deviceStateByteCountMax = save.deviceStateByteCountMax
            return .running(guest)
        }
        return .atRest(try inputs.content(scratch: try directory.nearestExisting(), context))
    }

    /// What the user is told: a saved checkpoint whose guest could not be resumed is an error.
    private func outcome(of saved: Saved) throws(SnapError) -> Save.Outcome {
        let checkpoint = saved.indexed.checkpoint
        if let failure = saved.resumeFailure {
            throw SnapError(
                failure.code, "\(checkpoint.name) is saved, but the \(failure.message)",
                path: failure.path, hint: failure.hint)
        }
        return Save.Outcome(checkpoint: checkpoint, pauseDuration: saved.pauseDuration)
    }

    // MARK: With the store open and the guest locked

    /// - Parameter subject: What is saved; nil if it is to be found under the lock. It is taken.
    private func lockAndSave(_ subject: inout Subject?) throws(SnapError) -> Saved {
        let store = try Store(writing: storeDirectory.path, context)
        if case .checkpoint(let specifier) = save.parent {
            try refuseWrongParent(specifier, in: store)
        }
        return try guestDirectory.withWriterLock(context) { () throws(SnapError) in
            try saveLocked(&subject, to: store)
        }
    }

    /// Refuses a wrong parent before the lock is waited for; it may be deleted meanwhile.
    private func refuseWrongParent(
        _ specifier: CheckpointSpecifier, in store: borrowing Store
    ) throws(SnapError) {
        do throws(SnapError) {
            try ParentSearch.check(try specifier.resolve(in: store.index), of: save.guest)
        } catch let error where error.code == .notFound {
            // A save that was killed may have left it without a row, which is found under the lock.
            let known = try store.index.numbers(of: save.guest).live
            if try guestDirectory.listing().savevm.isSubset(of: known) { throw error }
        }
    }

    private func saveLocked(
        _ subject: inout Subject?, to store: borrowing Store
    ) throws(SnapError) -> Saved {
        let guest = guestDirectory
        let reconciled = try Reconciliation(of: guest, in: store.index, context).run()
        let number = reconciled.nextNumber
        guard number <= Checkpoint.numberMax else {
            throw SnapError(
                .unsupported, "guest \(save.guest) has used all \(Checkpoint.numberMax) numbers",
                path: guest.directory.path)
        }
        let target = CheckpointTarget(
            name: CheckpointName(guest: save.guest, number: number), stamp: stamp,
            label: save.label, guest: guest, identity: store.identity)
        let search = ParentSearch(
            save.parent, of: guest, in: store.index, without: reconciled.lost)
        let saved: Saved
        do throws(SnapError) {
            let found: Subject
            if let prepared = subject.take() { found = prepared } else { found = try findSubject() }
            switch consume found {
            case .atRest(let content): saved = try saveAtRest(content, to: target, search)
            case .running(let running): saved = try saveRunning(running, to: target, search)
            }
        } catch let error where error.code == .damaged && error.hint == nil {
            throw error.with(hint: "snap save --full shares nothing with what is damaged")
        }
        insertRow(of: saved.indexed, in: store.index)
        return saved
    }

    private func saveAtRest(
        _ content: SaveContent, to target: CheckpointTarget, _ search: ParentSearch
    ) throws(SnapError) -> Saved {
        let parent = try search.find(for: content.images.map(\.ram))
        return Saved(indexed: try storePages(of: content, to: target, parent).commit())
    }

    private func saveRunning(
        _ running: consuming PausableGuest, to target: CheckpointTarget, _ search: ParentSearch
    ) throws(SnapError) -> Saved {
        // Before the guest is paused, and so before QEMU says what the blocks are called.
        let unnamed = running.images.map { RAMBlock(name: "", byteCount: $0.ram.byteCount) }
        let parent = try search.find(for: unnamed)
        let images = running.images
        let socket = running.socket
        var running = running
        // Signals wait until the checkpoint is committed, too.
        return try Interruption.deferring { () throws(SnapError) in
            let uncommitted = try running.whilePaused { (stream, deadline) throws(SnapError) in
                let content = try SaveContent(runningGuest: images, stream, at: socket)
                return try storePages(of: content, to: target, parent, until: deadline)
            }
            // The guest runs again: writing device state and flushing need not keep it paused.
            let indexed: IndexedCheckpoint
            do throws(SnapError) { indexed = try uncommitted.commit() } catch {
                throw error.with(failureToResume: running.resumeFailure)
            }
            return Saved(
                indexed: indexed, pauseDuration: running.pauseDuration,
                resumeFailure: running.resumeFailure)
        }
    }

    private func storePages(
        of content: SaveContent, to target: CheckpointTarget, _ parent: ParentCheckpoint?,
        until deadline: ContinuousClock.Instant? = nil
    ) throws(SnapError) -> UncommittedCheckpoint {
        let blocks = try PairedBlock.pair(
            content.images, with: parent,
            dirtyBitmaps: try save.dirtyBitmaps(of: content.images.map(\.ram)))
        return try SavePipeline(
            of: blocks, and: content.deviceStates, to: target, parent: parent,
            options: save.pageOptions
        ).run(context, until: deadline)
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
}
