import CheckpointStore

/// A unit of a checkpoint, and the data runs of a memory file at the same place.
struct ComparedUnit: Sendable {
    /// The unit of the checkpoint.
    let unit: StoredUnit
    /// The file's data runs, as byte offsets from its start; the rest of the unit is holes.
    let data: [Range<Int>]
}
