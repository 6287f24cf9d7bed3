import CheckpointIndex
import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// The serial end of a save: takes encoded units in order and writes the savevm file.
struct SaveOutput: ~Copyable {
    private let session: SaveSession
    private var file: SavevmWriter
    /// The tables of the block that is being written, and what became of its pages.
    private var tables: PageTableWriter
    private var tally = PageTally()
    /// The blocks that have been written, and what became of their pages.
    private var stored: [StoredBlock] = []
    private var counts = PageCounts()
    /// For each unit of all blocks the number of its group in the file; -1 if it has none.
    private var groups: [Int32] = []

    init(_ session: SaveSession, _ file: consuming SavevmWriter) throws(SnapError) {
        tables = try session.makeTables(session.blocks[0])
        self.session = session
        self.file = file
    }

    /// The block that is being written.
    private var block: SaveBlock { session.blocks[stored.count] }

    /// Appends a unit: its group, and its table where that goes.
    ///
    /// Units that were passed by since the one before it are the parent's.
    ///
    /// - Parameter unit: The next unit.
    /// - Throws: `.inputOutput`, and `.damaged` if the parent's tables cannot be read.
    mutating func append(_ unit: EncodedUnit) throws(SnapError) {
        while stored.count < unit.blockIndex {
            try finishBlock()
            tables = try session.makeTables(block)
        }
        try share(upTo: unit.ordinal)
        tally.add(unit.tally)
        groups.append(-1)
        switch unit.content {
        case .stored(let location):
            try tables.append(.stored(location), to: &file)
        case .changed(var entries, let group, let places, let duplicates):
            if let group {
                let number = try file.append(group)
                groups[unit.ordinal] = Int32(number)
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

    /// Shares the units up to one of the same block with the parent.
    private mutating func share(upTo ordinal: Int) throws(SnapError) {
        if groups.count == ordinal { return }
        try tables.share(upTo: ordinal - block.firstUnit, &file)
        groups += Array(repeating: -1, count: ordinal - groups.count)
    }

    private mutating func finishBlock() throws(SnapError) {
        let block = block
        try share(upTo: block.firstUnit + block.image.block.unitCount)
        let counts = try counts(of: block)
        stored.append(
            StoredBlock(
                block: block.image.block, root: tables.root, zeroPageCount: counts.zero))
        self.counts.add(counts)
        tally = PageTally()
    }

    /// The counts of all pages of a block.
    ///
    /// Those that a dirty bitmap has kept from being looked at are what they are in the parent.
    private func counts(of block: SaveBlock) throws(SnapError) -> PageCounts {
        var counts = tally.counts
        guard block.dirtyBitmap != nil, let parent = block.parent else { return counts }
        counts.zero += parent.zeroPageCount - tally.parentZero
        counts.unchanged = 0
        counts.unchanged = block.image.block.pageCount - counts.total
        guard counts.zero >= 0, counts.unchanged >= counts.moved else {
            throw SnapError(
                .damaged,
                "says that \(parent.zeroPageCount) pages of a RAM block are zero, its table does "
                    + "not", path: session.parent?.path)
        }
        return counts
    }

    /// Completes and publishes the file.
    ///
    /// - Parameter deviceState: The device-state file, published already.
    /// - Returns: What the file says of its checkpoint.
    /// - Throws: `.cannotCreate`, `.inputOutput` or `.permission`.
    consuming func finish(_ deviceState: DeviceStateSeal?) throws(SnapError) -> Description {
        while stored.count + 1 < session.blocks.count {
            try finishBlock()
            tables = try session.makeTables(block)
        }
        try finishBlock()
        let description = Description(
            guest: session.save.guest, label: session.save.label, createdAt: session.save.createdAt,
            pages: counts, digestKey: session.identity.digestKey, deviceState: deviceState)
        return try file.finish(
            blocks: stored, references: session.references, description: description)
    }
}
