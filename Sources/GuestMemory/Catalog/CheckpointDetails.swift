/// A checkpoint with everything that the index contains about it, and its device state's base.
package struct CheckpointDetails: Sendable, Equatable {
    /// The checkpoint itself.
    package let checkpoint: Checkpoint
    /// Its RAM blocks, in the order of the block table.
    package let ramBlocks: [RAMBlock]
    /// Its device sections, in the order of the section table.
    package let deviceSections: [DeviceSection]
    /// The number of the checkpoint, possibly deleted, whose device-state file contains what this
    /// one's does not; nil without such a base, or if its number is not known.
    package var deviceStateBaseNumber: Int?
    /// The snapshots of the guest's disks that were taken with the checkpoint.
    package var diskSnapshots: [DiskSnapshot] = []

    /// Creates the details of a checkpoint from their properties.
    package init(
        checkpoint: Checkpoint, ramBlocks: [RAMBlock], deviceSections: [DeviceSection]
    ) {
        self.checkpoint = checkpoint
        self.ramBlocks = ramBlocks
        self.deviceSections = deviceSections
    }
}
