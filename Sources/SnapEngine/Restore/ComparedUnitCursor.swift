import CheckpointStore
import GuestMemory
import WorkPipeline

/// Goes through the units of a checkpoint and the data of a memory file side by side.
struct ComparedUnitCursor: WorkSource {
    private var units: StoredUnitCursor
    private let image: MemoryImage
    private var data = DataCursor()

    /// Begins before the first unit.
    ///
    /// - Parameters:
    ///   - units: The checkpoint's units.
    ///   - image: The memory file.
    init(_ units: StoredUnitCursor, of image: MemoryImage) {
        self.units = units
        self.image = image
    }

    /// The next unit; nil after the last.
    mutating func next() -> ComparedUnit? {
        guard let unit = units.next() else { return nil }
        return ComparedUnit(
            unit: unit, data: image.dataRuns(advancing: &data, to: unit.end))
    }
}
