import CheckpointIndex
import GuestMemory
import MigrationStream
import SavevmFormat
import SnapSystem
import Synchronization

/// One save under way: everything is decided, and the files are written.
struct SaveSession: Sendable {
    let save: Save
    let identity: StoreIdentity
    let parent: SaveParent?
    /// The RAM blocks, at least one.
    let blocks: [SaveBlock]
    private let deviceStates: [SaveContent.DeviceState]
    private let directory: Directory
    private let number: Int

    /// Begins.
    ///
    /// - Parameters:
    ///   - save: What the user wants.
    ///   - content: What is to be saved, at least one RAM block.
    ///   - number: The new checkpoint's number.
    ///   - parent: What it shares pages with.
    ///   - directory: The guest's directory.
    ///   - identity: The store's key.
    /// - Throws: `.mismatch` or `.usage` for a dirty bitmap.
    init(
        _ save: Save, _ content: SaveContent, number: Int, _ parent: SaveParent?,
        _ directory: Directory, _ identity: StoreIdentity
    ) throws(SnapError) {
        precondition(!content.images.isEmpty)
        blocks = try SaveBlock.pair(content.images, parent, save.dirtyBitmaps)
        deviceStates = content.deviceStates
        self.save = save
        self.number = number
        self.parent = parent
        self.directory = directory
        self.identity = identity
    }

    /// The files that the new checkpoint's pages may lie in.
    var references: [Reference] {
        (parent?.references ?? []) + [Reference(number: number, id: save.checkpointID)]
    }

    /// Writes the RAM's pages, then the device state, and last of all names the savevm file: that
    /// is the commit point.
    ///
    /// On failure neither of the files is there.
    ///
    /// - Parameter pagesAreRead: Called when the images are no longer needed.
    /// - Returns: What the index is to know.
    /// - Throws: What reading the images and the parent, and writing the files, throw.
    func write(pagesAreRead: () -> Void = {}) throws(SnapError) -> IndexedCheckpoint {
        let output = try writePages()
        pagesAreRead()
        let (seal, sections) = try writeDeviceState()
        do throws(SnapError) {
            return indexed(try output.finish(seal), sections)
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

    // MARK: Pages

    private func writePages() throws(SnapError) -> SaveOutput {
        // Where files are to be let go of, clean pages have to be moved too.
        let cursor = Mutex(
            UnitCursor(blocks, skipsCleanUnits: parent?.evicted.isEmpty ?? true, directory.calls))
        let finder = Mutex(DuplicateFinder())
        let output = Mutex<SaveOutput?>(
            try SaveOutput(self, try SavevmWriter(in: directory, header(.savevm))))
        let byteCount = blocks.reduce(0) { $0 + $1.image.block.byteCount }
        save.progress.begin(.saving, of: byteCount)
        try OrderedPipeline.run(
            jobs: save.jobs,
            next: { () throws(SnapError) in
                try cursor.withLock { cursor throws(SnapError) in try cursor.next() }
            },
            makeWorker: { () throws(SnapError) in try UnitEncoder(self) },
            work: { (worker, unit, turn) throws(SnapError) in
                try worker.encode(unit, turn, finder)
            },
            deliver: { (unit) throws(SnapError) in
                try output.withLock { output throws(SnapError) in try output?.append(unit) }
                save.progress.reach(min((unit.ordinal + 1) * Unit.byteCount, byteCount))
            })
        for block in blocks { try block.image.checkLength() }
        return try output.withLock { output throws(SnapError) in
            guard let output = output.take() else {
                throw SnapError(.internalFailure, "the save has no output")
            }
            return output
        }
    }

    /// What builds the page table of a block.
    func makeTables(_ block: SaveBlock) throws(SnapError) -> PageTableWriter {
        var parentTables: PageTableReader?
        if let parent, let theirs = block.parent {
            parentTables = PageTableReader(theirs, parent.files)
        }
        return try PageTableWriter(
            PageTable(pageCount: block.image.block.pageCount), level: save.level,
            identity.digestKey, parent: parentTables, evicted: parent?.evicted ?? [])
    }

    // MARK: Device state

    private func writeDeviceState() throws(SnapError) -> (DeviceStateSeal?, [DeviceSection]) {
        if deviceStates.isEmpty { return (nil, []) }
        var writer = try DeviceStateWriter(
            in: directory, header(.deviceState), level: save.level)
        for state in deviceStates {
            guard let stream = state.stream else {
                writer.begin(.opaque, name: state.name)
                try writer.append(
                    StoredSection.Identity(.opaque, name: state.name.description),
                    state.file.file, 0..<Int.max)
                continue
            }
            writer.begin(.stream, name: state.name)
            for element in stream.elements {
                try writer.append(
                    StoredSection.Identity(element), state.file.file, element.range,
                    state: element.state)
            }
            let unsent = UnsentPages(stream.unsentRuns)
            if !unsent.runs.isEmpty {
                try writer.append(
                    StoredSection.Identity(.unsentPages, name: ""), bytes: unsent.encode())
            }
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

    private func indexed(
        _ description: Description, _ sections: [DeviceSection]
    ) -> IndexedCheckpoint {
        let images = blocks.map(\.image.block)
        let checkpoint = Checkpoint(
            guest: description.guest, number: number, id: save.checkpointID,
            parent: parent?.reference.number, createdAt: save.createdAt, label: description.label,
            memoryByteCount: images.reduce(0) { $0 + $1.byteCount }, pages: description.pages,
            storedByteCount: description.storedByteCount, deviceSectionCount: sections.count,
            deviceStateByteCount: sections.reduce(0) { $0 + $1.byteCount })
        let deviceByteCount = description.deviceState?.byteCount ?? 0
        return IndexedCheckpoint(
            checkpoint: checkpoint, ramBlocks: images, deviceSections: sections,
            references: references.map(\.number),
            file: IndexedFile(
                generation: 0, byteCount: description.storedByteCount - deviceByteCount))
    }
}

extension StoredSection.Identity {
    /// What an element of a stream is in a device-state file.
    fileprivate init(_ element: StreamElement) {
        let kind: StoredSection.Kind =
            switch element.kind {
            case .framing: .framing
            case .ramStart: .ramStart
            case .ram: .ram
            case .device: .device
            }
        self.init(
            kind, name: element.name, instanceID: element.instanceID,
            versionID: element.versionID, sectionID: element.sectionID)
    }
}
