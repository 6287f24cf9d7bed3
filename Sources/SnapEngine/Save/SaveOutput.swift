import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// The serial end of a save: takes encoded units in order and writes the savevm file.
struct SaveOutput: ~Copyable {
    private var file: SavevmWriter
    private var tables: PageTableWriter
    private var tally = PageTally()
    /// For each unit the number of its group in the file; -1 if it has none.
    private var groups: [Int32] = []

    init(_ file: consuming SavevmWriter, _ tables: consuming PageTableWriter) {
        self.file = file
        self.tables = tables
    }

    /// Appends a unit: its group, and its table where that goes.
    ///
    /// Units that were passed by since the one before it are the parent's.
    ///
    /// - Parameter unit: The next unit.
    /// - Throws: `.inputOutput`, and `.damaged` if the parent's tables cannot be read.
    mutating func append(_ unit: EncodedUnit) throws(SnapError) {
        try share(upTo: unit.index)
        tally.add(unit.tally)
        groups.append(-1)
        switch unit.content {
        case .stored(let location):
            try tables.append(.stored(location), to: &file)
        case .changed(var entries, let group, let places, let duplicates):
            if let group {
                let number = try file.append(group)
                groups[unit.index] = Int32(number)
                for (slot, place) in places.enumerated() {
                    entries[place] = Location(number: file.number, group: number, slot: slot)
                }
            }
            for duplicate in duplicates {
                let original = duplicate.original
                entries[duplicate.page] = Location(
                    number: file.number, group: Int(groups[original.unit]), slot: original.slot)
            }
            try tables.append(.table(entries), to: &file)
        }
    }

    private mutating func share(upTo unit: Int) throws(SnapError) {
        if groups.count == unit { return }
        try tables.share(upTo: unit, &file)
        groups += Array(repeating: -1, count: unit - groups.count)
    }

    /// The counts of all pages.
    ///
    /// Those that a dirty bitmap has kept from being looked at are what they are in the parent.
    private func counts(
        _ block: RAMBlock, _ parent: PageCounts?, _ path: FilePath
    ) throws(SnapError) -> PageCounts {
        var counts = tally.counts
        guard let parent else { return counts }
        counts.zero += parent.zero - tally.parentZero
        counts.unchanged = 0
        counts.unchanged = block.pageCount - counts.total
        guard counts.zero >= 0, counts.unchanged >= counts.moved else {
            throw SnapError(
                .damaged, "says that \(parent.zero) of its pages are zero, its table does not",
                path: path)
        }
        return counts
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
        try share(upTo: block.unitCount)
        let parent = session.save.dirtyBitmap == nil ? nil : session.parent
        let counts = try counts(block, parent?.counts, parent?.path ?? "")
        let description = Description(
            guest: session.save.guest, label: session.save.label, createdAt: session.save.createdAt,
            pages: counts, digestKey: session.identity.digestKey, deviceState: deviceState)
        return try file.finish(
            blocks: [StoredBlock(block: block, root: tables.finish())],
            references: session.references, description: description)
    }
}
