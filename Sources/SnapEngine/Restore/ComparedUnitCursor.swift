import CheckpointStore
import GuestMemory
import WorkPipeline

/// Iterates over the units of a checkpoint together with the data of a memory file.
struct ComparedUnitCursor: WorkSource {
    private var units: StoredUnitCursor
    private let image: MemoryImage
    private var data = DataCursor()

    /// Creates a cursor before the first unit.
    ///
    /// - Parameters:
    ///   - units: The checkpoint's units.
    ///   - image: The memory file, with the same length as the checkpoint's memory.
    init(_ units: StoredUnitCursor, of image: MemoryImage) {
        self.units = units
        self.image = image
    }

    /// Advances to the next unit; returns nil after the last.
    mutating func next() -> ComparedUnit? {
        guard let unit = units.next() else { return nil }
        return ComparedUnit(
            unit: unit, data: image.dataRuns(advancing: &data, to: unit.end))
    }
}
