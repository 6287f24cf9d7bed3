import CheckpointStore

/// A unit of a checkpoint, and where a memory file has data in its place.
struct ComparedUnit: Sendable {
    /// The unit.
    let unit: StoredUnit
    /// The runs of data, in bytes from the file's start; the rest is holes.
    let data: [Range<Int>]
}
