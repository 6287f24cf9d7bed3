import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem
import Synchronization

/// One save under way: everything is decided, and the files are written.
struct SaveSession: Sendable {
    let save: Save
    let directory: Directory
    let identity: StoreIdentity
    let number: Int
    let parent: SaveParent?

    /// The files that the new checkpoint's pages may lie in.
    var references: [Reference] {
        (parent?.references ?? []) + [Reference(number: number, id: save.checkpointID)]
    }

    /// Writes the device state, then the savevm file, whose name is the commit point.
    ///
    /// On failure neither of them is there.
    ///
    /// - Parameter image: The memory image.
    /// - Returns: What the index is to know.
    /// - Throws: What reading the image and the parent, and writing the files, throw.
    func write(_ image: borrowing MemoryImage) throws(SnapError) -> IndexedCheckpoint {
        let (seal, sections) = try writeDeviceState()
        do {
            let description = try writeSavevm(image, deviceState: seal)
            return indexed(description, image.block, sections)
        } catch {
            if seal != nil { withdrawDeviceState() }
            throw error
        }
    }

    private func header(_ kind: FileHeader.Kind) -> FileHeader {
        FileHeader(
            kind, number: number, storeID: identity.id, checkpointID: save.checkpointID,
            parent: parent?.reference)
    }

    private func writeDeviceState() throws(SnapError) -> (DeviceStateSeal?, [DeviceSection]) {
        if save.deviceStates.isEmpty { return (nil, []) }
        var writer = try DeviceStateWriter(
            in: directory, header(.deviceState), level: save.level)
        for state in save.deviceStates {
            let file = try Save.open(state, directory.calls)
            try writer.appendOpaque(file, name: state.name)
        }
        let sections = writer.summaries
        return (try writer.finish(), sections)
    }

    /// Removes the device state of a save that has failed, unless a savevm file that could not be
    /// taken back names it.
    private func withdrawDeviceState() {
        do throws(SnapError) {
            guard try directory.status(of: FileName.savevm(number).text) == nil else { return }
            try directory.remove(FileName.deviceState(number).text)
        } catch {
            // It is a leftover now, which the next save removes.
        }
    }

    private func writeSavevm(
        _ image: borrowing MemoryImage, deviceState: DeviceStateSeal?
    ) throws(SnapError) -> Description {
        let block = image.block
        let table = PageTable(pageCount: block.pageCount)
        let parentBlock = parent?.block(matching: block)
        // Where files are to be let go of, clean pages have to be moved too.
        let cursor = Mutex(
            UnitCursor(
                block,
                try save.dirtyBitmap.map { path throws(SnapError) in
                    try DirtyBitmap(path, of: block, directory.calls)
                }, skipsCleanUnits: parent?.evicted.isEmpty ?? true))
        let finder = Mutex(DuplicateFinder())
        let output = Mutex<SaveOutput?>(try makeOutput(table, parentBlock))
        try OrderedPipeline.run(
            jobs: save.jobs,
            next: { () throws(SnapError) in
                try cursor.withLock { cursor throws(SnapError) in try cursor.next(image) }
            },
            makeWorker: { () throws(SnapError) in
                try UnitEncoder(
                    save, identity.digestKey, table,
                    parent: parentBlock.flatMap { block in parent.map { (block, $0) } })
            },
            work: { (worker, unit, turn) throws(SnapError) in
                try worker.encode(unit, of: image, turn, finder)
            },
            deliver: { (unit) throws(SnapError) in
                try output.withLock { output throws(SnapError) in try output?.append(unit) }
            })
        try image.checkLength()
        return try output.withLock { output throws(SnapError) in
            guard let output = output.take() else {
                throw SnapError(.internalFailure, "the save has no output")
            }
            return try output.finish(self, block, deviceState)
        }
    }

    private func makeOutput(
        _ table: PageTable, _ parentBlock: StoredBlock?
    ) throws(SnapError) -> SaveOutput {
        var parentTables: PageTableReader?
        if let parent, let parentBlock {
            parentTables = PageTableReader(parentBlock, parent.files)
        }
        return SaveOutput(
            try SavevmWriter(in: directory, header(.savevm)),
            try PageTableWriter(
                table, level: save.level, identity.digestKey, parent: parentTables,
                evicted: parent?.evicted ?? []))
    }

    private func indexed(
        _ description: Description, _ block: RAMBlock, _ sections: [DeviceSection]
    ) -> IndexedCheckpoint {
        let checkpoint = Checkpoint(
            guest: description.guest, number: number, id: save.checkpointID,
            parent: parent?.reference.number, createdAt: save.createdAt, label: description.label,
            memoryByteCount: block.byteCount, pages: description.pages,
            storedByteCount: description.storedByteCount, deviceSectionCount: sections.count,
            deviceStateByteCount: sections.reduce(0) { $0 + $1.byteCount })
        let deviceByteCount = description.deviceState?.byteCount ?? 0
        return IndexedCheckpoint(
            checkpoint: checkpoint, ramBlocks: [block], deviceSections: sections,
            references: references.map(\.number),
            file: IndexedFile(
                generation: 0, byteCount: description.storedByteCount - deviceByteCount))
    }
}
