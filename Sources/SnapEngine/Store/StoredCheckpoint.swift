import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem

extension IndexedCheckpoint {
    /// Reads from its files what the index keeps of a checkpoint.
    ///
    /// - Parameters:
    ///   - number: The checkpoint's number.
    ///   - guest: The guest's directory.
    ///   - warn: Takes what is worth a warning: a device-state file that is lost takes nothing
    ///     from the RAM.
    /// - Throws: `.damaged`, `.unsupported`, `.notFound`, `.permission` or `.inputOutput`.
    init(
        reading number: Int, of guest: GuestDirectory, warn: (SnapError) -> Void
    ) throws(SnapError) {
        let directory = guest.directory
        let file = try guest.savevm(numbered: number)
        var sections: [DeviceSection] = []
        if let seal = file.description.deviceState {
            do {
                sections = try DeviceStateFile(
                    directory.file(FileName.deviceState(number).text), seal,
                    file.header.checkpointID, directory.calls
                ).files.flatMap(\.summaries)
            } catch let error where error.code == .damaged || error.code == .notFound {
                warn(
                    SnapError(
                        .damaged, "device state is lost: \(error.message)", path: error.path,
                        offset: error.offset))
            }
        }
        try self.init(file, sections)
    }

    /// Describes a checkpoint by its open file and its device sections.
    init(_ file: SavevmFile, _ sections: [DeviceSection]) throws(SnapError) {
        let blocks = try file.blocks().map(\.block)
        let description = file.description
        let checkpoint = Checkpoint(
            guest: description.guest, number: file.header.number, id: file.header.checkpointID,
            parent: file.header.parent?.number, createdAt: description.createdAt,
            label: description.label,
            memoryByteCount: blocks.reduce(0) { $0 + $1.byteCount }, pages: description.pages,
            storedByteCount: description.storedByteCount,
            deviceSectionCount: sections.count,
            deviceStateByteCount: sections.reduce(0) { $0 + $1.byteCount })
        self.init(
            checkpoint: checkpoint, ramBlocks: blocks, deviceSections: sections,
            references: try file.references().map(\.number),
            file: IndexedFile(generation: file.generation, byteCount: file.byteCount))
    }
}
