package import GuestMemory

/// Everything that the index contains about a checkpoint.
package struct IndexedCheckpoint: Sendable, Equatable {
    /// The checkpoint as `list` prints it.
    package var checkpoint: Checkpoint
    /// The RAM blocks, in the order of the savevm file.
    package var ramBlocks: [RAMBlock]
    /// The device sections, in the order of the device-state file.
    package var deviceSections: [DeviceSection]
    /// The numbers of the files that may contain the checkpoint's pages, as ascending runs.
    ///
    /// Runs are never expanded to single numbers, since a malformed one may be very long.
    package var references: [Range<Int>]
    /// The checkpoint's own savevm file.
    package var file: IndexedFile

    /// Creates the contents of the index for a checkpoint; the parameters are the properties.
    package init(
        checkpoint: Checkpoint, ramBlocks: [RAMBlock], deviceSections: [DeviceSection],
        references: [Range<Int>], file: IndexedFile
    ) {
        self.checkpoint = checkpoint
        self.ramBlocks = ramBlocks
        self.deviceSections = deviceSections
        self.references = references
        self.file = file
    }
}
