import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem

/// The serial end of a save: takes encoded units in order and writes the savevm file.
struct SaveOutput: ~Copyable {
    private var file: SavevmWriter
    private var tables: PageTableWriter
    private var counts = PageCounts()

    init(_ file: consuming SavevmWriter, _ tables: consuming PageTableWriter) {
        self.file = file
        self.tables = tables
    }

    /// Appends a unit: its group, and its table where that goes.
    ///
    /// - Parameter unit: The next unit.
    /// - Throws: `.inputOutput`, and `.damaged` if the parent's tables cannot be read.
    mutating func append(_ unit: EncodedUnit) throws(SnapError) {
        counts.add(unit.counts)
        switch unit.content {
        case .stored(let location):
            try tables.append(.stored(location), to: &file)
        case .changed(var entries, let group, let places):
            if let group {
                let number = try file.append(group)
                for (slot, place) in places.enumerated() {
                    entries[place] = Location(number: file.number, group: number, slot: slot)
                }
            }
            try tables.append(.table(entries), to: &file)
        }
    }

    /// Completes and publishes the file.
    ///
    /// - Parameters:
    ///   - session: What the file is for.
    ///   - block: The RAM block that has been written.
    ///   - deviceState: The device-state file, published already.
    /// - Returns: What the file says of its checkpoint.
    /// - Throws: `.cannotCreate`, `.inputOutput` or `.permission`.
    consuming func finish(
        _ session: SaveSession, _ block: RAMBlock, _ deviceState: DeviceStateSeal?
    ) throws(SnapError) -> Description {
        let description = Description(
            guest: session.save.guest, label: session.save.label, createdAt: session.save.createdAt,
            pages: counts, digestKey: session.identity.digestKey, deviceState: deviceState)
        return try file.finish(
            blocks: [StoredBlock(block: block, root: tables.finish())],
            references: session.references, description: description)
    }
}
