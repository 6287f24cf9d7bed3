package import GuestMemory

/// Everything that the index keeps of a checkpoint.
package struct IndexedCheckpoint: Sendable, Equatable {
    /// What `list` tells.
    package var checkpoint: Checkpoint
    /// Its RAM blocks, in order.
    package var ramBlocks: [RAMBlock]
    /// Its device sections, in order.
    package var deviceSections: [DeviceSection]
    /// The numbers of the files that its pages may lie in, ascending.
    package var references: [Int]
    /// Its savevm file.
    package var file: IndexedFile

    /// Describes a checkpoint; the parameters are the properties.
    package init(
        checkpoint: Checkpoint, ramBlocks: [RAMBlock], deviceSections: [DeviceSection],
        references: [Int], file: IndexedFile
    ) {
        self.checkpoint = checkpoint
        self.ramBlocks = ramBlocks
        self.deviceSections = deviceSections
        self.references = references
        self.file = file
    }

    /// The references as runs of consecutive numbers.
    var referenceRuns: [Range<Int>] {
        var runs: [Range<Int>] = []
        for number in references { runs.append(merging: number..<number + 1) }
        return runs
    }
}
