/// One checkpoint with everything that the index has about it.
package struct CheckpointDetails: Sendable, Equatable {
    /// The checkpoint.
    package let checkpoint: Checkpoint
    /// Its RAM blocks, in order.
    package let ramBlocks: [RAMBlock]
    /// Its device sections, in order.
    package let deviceSections: [DeviceSection]

    /// Describes a checkpoint; the parameters are the properties.
    package init(
        checkpoint: Checkpoint, ramBlocks: [RAMBlock], deviceSections: [DeviceSection]
    ) {
        self.checkpoint = checkpoint
        self.ramBlocks = ramBlocks
        self.deviceSections = deviceSections
    }
}
