import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// A RAM block to save, with the parent's block to compare it with.
struct PairedBlock: Sendable {
    /// The RAM block and its bytes.
    let image: MemoryImage
    /// The parent's block with which this one shares pages; nil if none matches.
    let parentBlock: StoredBlock?
    /// The path of the bitmap of pages that can differ from the parent's; nil to compare all.
    let dirtyBitmap: FilePath?
    /// The ordinal of the block's first unit: the number of units in the blocks before it.
    let firstUnit: Int

    /// Pairs RAM blocks with the parent's.
    ///
    /// - Parameters:
    ///   - images: The RAM blocks to save.
    ///   - parent: The parent; nil for a full checkpoint.
    ///   - bitmaps: The dirty bitmap of each block, or nil.
    /// - Returns: The paired blocks, in the order of `images`.
    /// - Throws: `.mismatch` if no parent's block certainly matches the block of a bitmap, or if
    ///   there are more blocks or bytes than a checkpoint can contain.
    static func pair(
        _ images: [MemoryImage], with parent: ParentCheckpoint?, dirtyBitmaps bitmaps: [FilePath?]
    ) throws(SnapError) -> [PairedBlock] {
        let byteCount = images.reduce(0) { $0.addingClamped($1.ram.byteCount) }
        guard images.count <= RAMBlock.countMax, byteCount <= RAMBlock.totalByteCountMax else {
            throw SnapError(
                .mismatch,
                "\(images.count) RAM blocks have \(byteCount) bytes, expected at most "
                    + "\(RAMBlock.countMax) blocks and \(RAMBlock.totalByteCountMax) bytes",
                path: images.last?.path)
        }
        let matches = parent?.blocks(matching: images.map(\.ram))
        var firstUnit = 0
        var blocks: [PairedBlock] = []
        for (index, image) in images.enumerated() {
            let parentBlock = matches?[index]
            if let bitmap = bitmaps[index] {
                try check(
                    bitmap, of: image.ram, countsFrom: parentBlock, among: images,
                    parent: parent)
            }
            blocks.append(
                PairedBlock(
                    image: image, parentBlock: parentBlock, dirtyBitmap: bitmaps[index],
                    firstUnit: firstUnit))
            firstUnit += image.ram.unitCount
        }
        return blocks
    }

    /// Refuses a bitmap unless it is certain which block of the parent it counts from.
    ///
    /// A block that is only compared can be paired by length: a wrong pair costs time and space.
    /// But snap trusts a clean bit and does not compare its page.
    private static func check(
        _ bitmap: FilePath, of block: RAMBlock, countsFrom parentBlock: StoredBlock?,
        among images: [MemoryImage], parent: ParentCheckpoint?
    ) throws(SnapError) {
        let hasSameLength = { (other: RAMBlock) in other.byteCount == block.byteCount }
        let isOnly =
            images.count { hasSameLength($0.ram) } == 1
            && parent?.blocks.count { hasSameLength($0.ram) } == 1
        guard let parentBlock, isOnly || !block.name.isEmpty && parentBlock.ram.name == block.name
        else {
            throw SnapError(
                .mismatch,
                "parent has no RAM block that unambiguously matches the bitmap's block of "
                    + "\(block.byteCount) bytes"
                    + (block.name.isEmpty ? "" : " named \(block.name)"), path: bitmap)
        }
    }
}
