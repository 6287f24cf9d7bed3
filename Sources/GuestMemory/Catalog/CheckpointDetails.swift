/// One checkpoint with everything that the index tells of it.
public struct CheckpointDetails: Sendable, Equatable {
    /// The checkpoint.
    public let checkpoint: Checkpoint
    /// Its RAM blocks, in order.
    public let ramBlocks: [RAMBlock]
    /// Its device sections, in order.
    public let deviceSections: [DeviceSection]

    /// Describes a checkpoint; the parameters are the properties.
    public init(
        checkpoint: Checkpoint, ramBlocks: [RAMBlock], deviceSections: [DeviceSection]
    ) {
        self.checkpoint = checkpoint
        self.ramBlocks = ramBlocks
        self.deviceSections = deviceSections
    }
}
