import CheckpointStore
import Codecs
import GuestMemory
import SavevmFormat
import SnapSystem

/// The serial stage at the end of a save: receives encoded units in order and writes the savevm
/// file.
struct SavevmAssembler: ~Copyable {
    private let blocks: [PairedBlock]
    private let target: CheckpointTarget
    private let parent: ParentCheckpoint?
    private let compression: Compression
    private var file: SavevmWriter
    /// The tables of the block that is being written, and the tally of its pages so far.
    private var tables: PageTableWriter
    private var tally = PageTally()
    /// The blocks that have been written, and the counts of their pages.
    private var stored: [StoredBlock] = []
    private var counts = PageCounts()
    private var replacedDamaged = 0
    private var hasUnknownParent = false
    /// The group number of each unit that has a group, by the unit's ordinal.
    private var groups: [Int: Int] = [:]

    /// Creates the file, which has no name yet.
    ///
    /// - Parameters:
    ///   - blocks: The RAM blocks, at least one.
    ///   - target: The checkpoint to create.
    ///   - parent: The checkpoint's parent; nil for a full checkpoint.
    ///   - compression: The codec and the level of tables.
    /// - Throws: `.permission`, `.inputOutput` or `.internalFailure`.
    init(
        of blocks: [PairedBlock], to target: CheckpointTarget, parent: ParentCheckpoint?,
        compression: Compression
    ) throws(SnapError) {
        let file = try SavevmWriter(
            in: target.guest.directory, target.header(.savevm, parent: parent))
        tables = try Self.makeTables(
            of: blocks[0], parent: parent, key: target.identity.digestKey,
            compression: compression)
        self.file = file
        self.blocks = blocks
        self.target = target
        self.parent = parent
        self.compression = compression
    }

    /// Creates the writer for a block's page table.
    private static func makeTables(
        of block: PairedBlock, parent: ParentCheckpoint?, key: DigestKey,
        compression: Compression
    ) throws(SnapError) -> PageTableWriter {
        var parentTables: PageTableWalker?
        if let parent, let parentBlock = block.parentBlock {
            parentTables = PageTableWalker(parentBlock, parent.files)
        }
        return try PageTableWriter(
            PageTableShape(pageCount: block.image.ram.pageCount), key, compression: compression,
            parentTable: parentTables, unshared: parent?.unshared ?? StoredParts())
    }

    /// The number of pages appended so far that replace damaged pages of the parent.
    var replacedDamagedPageCount: Int { replacedDamaged + tally.replacedDamaged }
    /// Whether damage of the parent was found so far.
    var hasFoundDamage: Bool {
        replacedDamagedPageCount > 0 || hasUnknownParent || tally.hasUnknownParent
    }

    /// The block that is being written.
    private var block: PairedBlock { blocks[stored.count] }

    /// Appends a unit's group and table to the file.
    ///
    /// Units skipped since the previous one are the parent's if the block has a dirty bitmap, and
    /// zero otherwise.
    ///
    /// - Parameter unit: The next unit; ordinals must ascend.
    /// - Throws: `.inputOutput`; `.damaged` if the parent's tables are damaged.
    mutating func append(_ unit: EncodedUnit) throws(SnapError) {
        while stored.count < unit.blockIndex {
            try beginNextBlock()
        }
        try appendSkippedUnits(upTo: unit.ordinal - block.firstUnit)
        tally.add(unit.tally)
        switch unit.content {
        case .stored(let location):
            try tables.append(.stored(location), to: &file)
        case .changed(var entries, let group, let places, let duplicates):
            if let group {
                let number = try file.append(group)
                groups[unit.ordinal] = number
                for (slot, place) in places.enumerated() {
                    entries[place] = Location(number: file.number, group: number, slot: slot)
                }
            }
            for duplicate in duplicates {
                let original = duplicate.original
                guard let group = groups[original.unit] else {
                    throw SnapError(.internalFailure, "a duplicate's original is not stored")
                }
                entries[duplicate.page] = Location(
                    number: file.number, group: group, slot: original.slot)
            }
            try tables.append(.table(entries), to: &file)
        }
    }

    /// Adds the tables and counts of the block's skipped units before the given one.
    private mutating func appendSkippedUnits(upTo unit: Int) throws(SnapError) {
        if tables.unitCount == unit { return }
        if block.dirtyBitmap != nil { return try tables.share(upTo: unit, &file) }
        let pageCount = min(unit * Unit.pageCount, block.image.ram.pageCount)
        tally.counts.zero += pageCount - tables.unitCount * Unit.pageCount
        try tables.appendZeros(upTo: unit, &file)
    }

    private mutating func beginNextBlock() throws(SnapError) {
        try finishBlock()
        tables = try Self.makeTables(
            of: block, parent: parent, key: target.identity.digestKey, compression: compression)
    }

    private mutating func finishBlock() throws(SnapError) {
        let block = block
        try appendSkippedUnits(upTo: block.image.ram.unitCount)
        let counts = try counts(of: block)
        stored.append(
            StoredBlock(
                ram: block.image.ram, root: tables.root, zeroPageCount: counts.zero))
        self.counts.add(counts)
        replacedDamaged += tally.replacedDamaged
        hasUnknownParent = hasUnknownParent || tally.hasUnknownParent
        tally = PageTally()
    }

    /// Computes the counts of all pages of a block.
    ///
    /// Pages that were not compared because of a dirty bitmap count as they do in the parent.
    private func counts(of block: PairedBlock) throws(SnapError) -> PageCounts {
        var counts = tally.counts
        guard block.dirtyBitmap != nil, let parentBlock = block.parentBlock else { return counts }
        counts.zero +=
            tally.hasUnknownParent
            ? tally.cleanZero : parentBlock.zeroPageCount - tally.parentZero
        counts.unchanged = 0
        counts.unchanged = block.image.ram.pageCount - counts.total
        guard counts.zero >= 0, counts.unchanged >= counts.moved else {
            throw SnapError(
                .damaged,
                "block table reports \(parentBlock.zeroPageCount) zero pages in a RAM block, "
                    + "its page table does not match", path: parent?.path)
        }
        return counts
    }

    /// Completes the file and gives it its name.
    ///
    /// - Parameter deviceState: The seal of the device-state file, which must already have its
    ///   name; nil without device state.
    /// - Returns: The contents of the file, for the index.
    /// - Throws: `.cannotCreate` if the name is taken; `.damaged` for the parent's files;
    ///   `.inputOutput` or `.permission`.
    consuming func publish(_ deviceState: DeviceStateSeal?) throws(SnapError) -> SavevmContents {
        while stored.count + 1 < blocks.count { try beginNextBlock() }
        try finishBlock()
        let description = CheckpointDescription(
            guest: target.name.guest, label: target.label, createdAt: target.stamp.createdAt,
            pages: counts, digestKey: target.identity.digestKey, deviceState: deviceState)
        return try file.publish(
            blocks: stored, references: (parent?.references ?? []) + [target.reference],
            description: description)
    }
}
