import CheckpointIndex
import CheckpointStore
import Codecs
import GuestMemory
import LiveGuest
import SavevmFormat
import SnapSystem
import SystemPackage
import WorkPipeline

/// One save, from its inputs to the index row.
struct SaveRun {
    /// The data to save.
    private enum Subject: ~Copyable {
        /// RAM in files that do not change, and device state.
        case atRest(SaveContent)
        /// A running guest, which is paused while its RAM is read.
        case paused(PausableGuest)
        /// A running guest, whose RAM is read while it runs on.
        case live(BackgroundSnapshot)
    }

    /// A checkpoint whose files are in the store.
    private struct Saved {
        let indexed: IndexedCheckpoint
        /// The number of stored pages that replace damaged pages of the parent.
        let replacedDamagedPageCount: Int
        /// The time for which the guest was paused; nil if it was not paused.
        var pauseDuration: Duration?
        /// The `resumeFailure` of a running guest; nil without a running guest.
        var resumeFailure: SnapError?
        /// The result of the retention policy; nil without a policy.
        var pruned: Result<PrunedGuest, SnapError>?
    }

    private let save: Save
    private let stamp: CheckpointStamp
    private let storeDirectory: StoreDirectory
    private let context: WorkContext
    private let inputs: InputFiles

    /// Opens the inputs, before anything is created in the store.
    ///
    /// - Parameters:
    ///   - save: The save that the user asks for.
    ///   - store: The store's directory.
    ///   - context: The context of the operation.
    ///   - stamp: The new checkpoint's id and time.
    /// - Throws: The same errors as `InputFiles.init`.
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
    /// - Throws: The same errors as `Save.run`.
    func run() throws(SnapError) -> Save.Outcome {
        try inputs.warnOfEmptyFiles(context)
        let isNewGuest = try guestDirectory.directory.status() == nil
        if isNewGuest { return try outcome(of: try saveNewGuest()) }
        var subject: Subject?
        return try outcome(of: try lockAndSave(&subject))
    }

    /// Takes a guest's first checkpoint.
    ///
    /// On failure, deletes the guest's directory and a store that this save has created.
    private func saveNewGuest() throws(SnapError) -> Saved {
        let isNewStore = try storeDirectory.root.status() == nil
        do throws(SnapError) {
            // The inputs are read before a directory is created, so that a damaged input leaves
            // none. For a guest that already has a directory, the lock is taken first.
            try checkParentOfNewGuest()
            var subject: Subject? = try findSubject()
            return try lockAndSave(&subject)
        } catch {
            NewStoreRemoval.run(save.guest, in: storeDirectory, isNewStore: isNewStore, context)
            throw error
        }
    }

    /// Refuses a missing parent, and another guest's checkpoint, before the inputs are read.
    private func checkParentOfNewGuest() throws(SnapError) {
        guard case .checkpoint(let specifier) = save.parent else { return }
        let store = try Store(reading: storeDirectory.path, context)
        try ParentSearch.check(try specifier.resolve(in: store.index), of: save.guest)
    }

    /// Reads the inputs, or connects to the running guest.
    private func findSubject() throws(SnapError) -> Subject {
        let directory = guestDirectory.directory
        guard case .runningGuest(let address, let mode) = save.input else {
            return .atRest(try inputs.content(scratch: try directory.nearestExisting(), context))
        }
        let guestDirectory = guestDirectory
        var connection = try GuestConnection(
            to: address, in: directory, resumesUnfinished: save.resumesUnfinished,
            keepsSnapshots: { name in
                DiskSnapshotName(parsing: name)?.isSaved(in: guestDirectory) ?? true
            }, context)
        if let names = save.snapshotDrives {
            try connection.select(names.isEmpty ? .writable : .named(names))
        }
        switch mode {
        case .paused:
            var guest = try PausableGuest(connection, context)
            guest.deviceStateByteCountMax = save.deviceStateByteCountMax
            return .paused(guest)
        case .live(let timeout):
            var snapshot = try BackgroundSnapshot(connection, timeout: timeout)
            snapshot.deviceStateByteCountMax = save.deviceStateByteCountMax
            return .live(snapshot)
        }
    }

    /// Returns the outcome; throws if the checkpoint is saved but its guest could not be resumed.
    private func outcome(of saved: Saved) throws(SnapError) -> Save.Outcome {
        let checkpoint = saved.indexed.checkpoint
        if let failure = saved.resumeFailure {
            throw SnapError(
                failure.code, "\(checkpoint.name) is saved, but snap \(failure.message)",
                path: failure.path, hint: failure.hint)
        }
        return Save.Outcome(
            checkpoint: checkpoint,
            replacedDamagedPageCount: saved.replacedDamagedPageCount,
            pauseDuration: saved.pauseDuration, pruned: saved.pruned)
    }

    // MARK: With the store open and the guest locked

    /// Opens the store, locks the guest, and saves.
    ///
    /// - Parameter subject: The data to save, which is consumed; nil to read it under the lock.
    private func lockAndSave(_ subject: inout Subject?) throws(SnapError) -> Saved {
        let store = try Store(writing: storeDirectory.path, addsCheckpoints: true, context)
        if case .checkpoint(let specifier) = save.parent {
            try refuseWrongParent(specifier, in: store)
        }
        return try guestDirectory.withWriterLock(context) { () throws(SnapError) in
            try saveLocked(&subject, to: store)
        }
    }

    /// Refuses a wrong parent before waiting for the lock.
    ///
    /// The parent is searched again under the lock, because it may be deleted in the meantime.
    private func refuseWrongParent(
        _ specifier: CheckpointSpecifier, in store: borrowing Store
    ) throws(SnapError) {
        do throws(SnapError) {
            try ParentSearch.check(try specifier.resolve(in: store.index), of: save.guest)
        } catch let error where error.code == .notFound {
            // A killed save may have left the parent's file without a row. The reconciliation under
            // the lock then adds the row.
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
                .unsupported,
                "guest \(save.guest) has used all \(Checkpoint.numberMax) checkpoint numbers",
                path: guest.directory.path)
        }
        let target = CheckpointTarget(
            name: CheckpointName(guest: save.guest, number: number), stamp: stamp,
            label: save.label, codec: save.pageOptions.compression.codec, guest: guest,
            identity: store.identity)
        let search = try ParentSearch(
            save.parent, of: guest, in: store.index, reconciled, context: context)
        var saved: Saved
        do throws(SnapError) {
            saved = try save(&subject, to: target, search)
        } catch let error where error.code == .damaged && error.hint == nil {
            throw error.with(hint: "use --full to share no pages with the damaged files")
        } catch let error where error.isNoSpace && canRepeat {
            guard try makeRoom(in: store) else { throw error }
            saved = try save(&subject, to: target, search)
        }
        insertRow(of: saved.indexed, in: store.index)
        warnOfReplaced(saved.replacedDamagedPageCount, by: target)
        saved.pruned = prune(store, after: number)
        return saved
    }

    private func save(
        _ subject: inout Subject?, to target: CheckpointTarget, _ search: ParentSearch
    ) throws(SnapError) -> Saved {
        let found: Subject
        if let prepared = subject.take() { found = prepared } else { found = try findSubject() }
        switch consume found {
        case .atRest(let content): return try saveAtRest(content, to: target, search)
        case .paused(let guest): return try savePaused(guest, to: target, search)
        case .live(let snapshot): return try saveLive(snapshot, to: target, search)
        }
    }

    /// The tasks at a checkpoint's instant.
    private func tasks(for target: CheckpointTarget) -> PauseTasks {
        var tasks = PauseTasks(
            diskSnapshotName: DiskSnapshotName(target.name, id: target.stamp.id).text)
        tasks.command = save.pauseCommand
        tasks.command?.variables = [
            "SNAP_GUEST": target.name.guest.description, "SNAP_NUMBER": "\(target.name.number)",
            "SNAP_ID": target.stamp.id.hex,
        ]
        return tasks
    }

    // MARK: Retention

    /// Whether the save can be repeated: a stream from standard input cannot be read again, and a
    /// command of the user must not run twice.
    private var canRepeat: Bool {
        if case .standardInput = save.input { return false }
        if save.pauseCommand != nil { return false }
        return save.retention != nil
    }

    /// Applies the retention policy to the existing checkpoints; returns whether that freed space.
    private func makeRoom(in store: borrowing Store) throws(SnapError) -> Bool {
        guard let policy = save.retention else { return false }
        var parent: Int?
        if case .checkpoint(let specifier) = save.parent {
            parent = try specifier.resolve(in: store.index).number
        }
        let pruned = try GuestRetention(policy, to: guestDirectory, context)
            .run(in: store, reclaims: true, keeping: parent)
        return pruned.freedByteCount > 0
    }

    /// Deletes old checkpoints by the policy.
    ///
    /// Without a policy, only frees the space of checkpoints that were deleted before, if that is
    /// much: an interrupted deletion can leave it.
    private func prune(
        _ store: borrowing Store, after saved: Int
    ) -> Result<PrunedGuest, SnapError>? {
        do throws(SnapError) {
            if let policy = save.retention {
                return .success(
                    try GuestRetention(policy, to: guestDirectory, context)
                        .run(in: store, reclaims: false, keeping: saved))
            }
            let reclamation = SpaceReclamation(of: guestDirectory, context)
            if try reclamation.isWorthwhile(store.index) { _ = try reclamation.run(store.index) }
        } catch {
            if save.retention != nil { return .failure(error) }
            context.warn(error)
        }
        return nil
    }

    private func saveAtRest(
        _ content: SaveContent, to target: CheckpointTarget, _ search: ParentSearch
    ) throws(SnapError) -> Saved {
        let parent = try search.find(for: content.images.map(\.ram))
        let uncommitted = try storePages(of: content, to: target, parent)
        let replaced = uncommitted.replacedDamagedPageCount
        return Saved(
            indexed: try uncommitted.commit(context), replacedDamagedPageCount: replaced)
    }

    private func savePaused(
        _ guest: consuming PausableGuest, to target: CheckpointTarget, _ search: ParentSearch
    ) throws(SnapError) -> Saved {
        // The parent is opened before the guest is paused. QEMU reports the blocks' names only in
        // the stream that it sends during the pause.
        let unnamed = guest.images.map { RAMBlock(name: "", byteCount: $0.ram.byteCount) }
        let parent = try search.find(for: unnamed)
        let images = guest.images
        let socket = guest.socket
        var guest = guest
        // Signals are deferred until the guest is resumed and the checkpoint is committed.
        return try Interruption.deferring { () throws(SnapError) in
            var isSaved = false
            defer { guest.finishDiskSnapshots(isSaved: isSaved, context.warn) }
            let uncommitted = try guest.whilePaused(tasks(for: target)) {
                (state, deadline) throws(SnapError) in
                var content = try SaveContent(runningGuest: images, state.devices, at: socket)
                content.add(state.diskSnapshots)
                content.add(state.domain)
                return try storePages(of: content, to: target, parent, until: deadline)
            }
            // The guest runs again: it need not be paused while snap writes the device state and
            // flushes the files.
            let replaced = uncommitted.replacedDamagedPageCount
            let indexed: IndexedCheckpoint
            do throws(SnapError) { indexed = try uncommitted.commit(context) } catch {
                throw error.with(failureToResume: guest.resumeFailure)
            }
            isSaved = true
            return Saved(
                indexed: indexed, replacedDamagedPageCount: replaced,
                pauseDuration: guest.pauseDuration, resumeFailure: guest.resumeFailure)
        }
    }

    private func saveLive(
        _ snapshot: consuming BackgroundSnapshot, to target: CheckpointTarget,
        _ search: ParentSearch
    ) throws(SnapError) -> Saved {
        var snapshot = snapshot
        var isSaved = false
        defer { snapshot.finishDiskSnapshots(isSaved: isSaved, context.warn) }
        let (stream, images) = try snapshot.take(tasks(for: target), context)
        do throws(SnapError) {
            var content = try SaveContent(complete: stream, images)
            content.add(snapshot.diskSnapshots)
            content.add(snapshot.domain)
            var saved = try saveAtRest(content, to: target, search)
            isSaved = true
            saved.pauseDuration = snapshot.pauseDuration
            saved.resumeFailure = snapshot.resumeFailure
            return saved
        } catch { throw error.with(failureToResume: snapshot.resumeFailure) }
    }

    private func storePages(
        of content: SaveContent, to target: CheckpointTarget, _ parent: ParentCheckpoint?,
        until deadline: ContinuousClock.Instant? = nil
    ) throws(SnapError) -> UncommittedCheckpoint {
        var bitmaps = try save.dirtyBitmaps(of: content.images.map(\.ram))
        // If the checkpoint from which the bitmaps count is damaged, all pages are stored.
        if parent == nil { bitmaps = bitmaps.map { _ in nil } }
        let blocks = try PairedBlock.pair(content.images, with: parent, dirtyBitmaps: bitmaps)
        let run = { (parent: ParentCheckpoint?) throws(SnapError) in
            try SavePipeline(
                of: blocks, and: content.deviceStates, to: target, parent: parent,
                options: save.pageOptions
            ).run(context, until: deadline)
        }
        let uncommitted = try run(parent)
        guard uncommitted.hasFoundDamage, bitmaps.contains(where: { $0 != nil }), var parent,
            !parent.examinesAll
        else { return uncommitted }
        // There can be more damage where the bitmap has only clean pages.
        _ = consume uncommitted
        parent.examinesAll = true
        return try run(parent)
    }

    private func warnOfReplaced(_ pageCount: Int, by target: CheckpointTarget) {
        if pageCount == 0 { return }
        context.warn(
            SnapError(
                .damaged,
                "\(target.name) stores damaged pages of its parent again: \(pageCount)",
                path: guestDirectory.directory.path,
                hint: "run snap verify to see which older checkpoints are damaged"))
    }

    private func insertRow(of indexed: IndexedCheckpoint, in index: CheckpointIndex) {
        do { try index.insert([indexed]) } catch {
            context.warn(
                SnapError(
                    error.code,
                    "\(indexed.checkpoint.name) is saved, but not in the index: \(error)",
                    hint: "run snap reindex to add it, or wait for the guest's next save"))
        }
    }
}
