package import GuestMemory

/// Everything that the index keeps of a checkpoint.
package struct IndexedCheckpoint: Sendable, Equatable {
    /// What `list` tells.
    package var checkpoint: Checkpoint
    /// Its RAM blocks, in order.
    package var ramBlocks: [RAMBlock]
    /// Its device sections, in order.
    package var deviceSections: [DeviceSection]
    /// The numbers of the files that its pages may lie in, as runs, ascending: however long they
    /// are said to be, they are never expanded.
    package var references: [Range<Int>]
    /// Its savevm file.
    package var file: IndexedFile

    /// Describes a checkpoint; the parameters are the properties.
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
