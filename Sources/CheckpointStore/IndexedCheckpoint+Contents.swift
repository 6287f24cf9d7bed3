package import CheckpointIndex
package import GuestMemory
package import SavevmFormat
import SnapSystem

extension IndexedCheckpoint {
    /// Creates the description of a checkpoint for the index by reading the checkpoint's files.
    ///
    /// - Parameters:
    ///   - number: The checkpoint's number.
    ///   - guest: The guest's directory.
    ///   - warn: Receives a warning if the device state is lost; the RAM is indexed anyway.
    /// - Throws: `.damaged`, `.unsupported`, `.notFound`, `.permission` or `.inputOutput`.
    init(
        reading number: Int, of guest: GuestDirectory, warn: (SnapError) -> Void
    ) throws(SnapError) {
        let file = try guest.files.savevm(.savevm(number))
        var sections: [DeviceSection] = []
        if file.checkpoint.deviceState != nil {
            do {
                sections = try guest.files.deviceState(of: file).states.flatMap(\.summaries)
            } catch let error where error.code == .damaged {
                warn(
                    SnapError(
                        .damaged, "device state is lost: \(error.message)", path: error.path,
                        offset: error.offset))
            }
        }
        self.init(describing: try file.contents(), sections)
    }

    /// Creates the description of a checkpoint for the index.
    ///
    /// - Parameters:
    ///   - file: The contents of the checkpoint's savevm file.
    ///   - sections: The checkpoint's device sections, in the order of its device-state file.
    package init(describing file: SavevmContents, _ sections: [DeviceSection]) {
        let blocks = file.blocks.map(\.ram)
        let description = file.checkpoint
        let checkpoint = Checkpoint(
            guest: description.guest, number: file.header.number, id: file.header.checkpointID,
            parentNumber: file.header.parent?.number, createdAt: description.createdAt,
            label: description.label,
            memoryByteCount: blocks.reduce(0) { $0 + $1.byteCount }, pages: description.pages,
            storedByteCount: description.storedByteCount,
            deviceSectionCount: sections.count,
            deviceStateByteCount: sections.reduce(0) { $0 + $1.byteCount },
            codec: file.header.codec)
        self.init(
            checkpoint: checkpoint, ramBlocks: blocks, deviceSections: sections,
            references: .runs(of: file.references.map(\.number)),
            file: IndexedFile(generation: file.generation, byteCount: file.byteCount))
    }
}
