import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// A RAM block that is to be saved, and what it is compared with.
struct PairedBlock: Sendable {
    /// The block and its bytes.
    let image: MemoryImage
    /// The parent's block whose pages it shares; nil if there is none.
    let parentBlock: StoredBlock?
    /// Which of its pages may differ from the parent's; nil to compare all.
    let dirtyBitmap: FilePath?
    /// How many units the blocks before it have.
    let firstUnit: Int

    /// Pairs blocks with the parent's.
    ///
    /// - Parameters:
    ///   - images: The blocks.
    ///   - parent: The parent, if there is one.
    ///   - bitmaps: For each block its dirty bitmap, which needs a block of the parent.
    /// - Throws: `.mismatch` if a bitmap's block has none, or there are more blocks or bytes than a
    ///   checkpoint holds.
    static func pair(
        _ images: [MemoryImage], with parent: ParentCheckpoint?, dirtyBitmaps bitmaps: [FilePath?]
    ) throws(SnapError) -> [PairedBlock] {
        let byteCount = images.reduce(0) { $0.addingClamped($1.ram.byteCount) }
        guard images.count <= RAMBlock.countMax, byteCount <= RAMBlock.totalByteCountMax else {
            throw SnapError(
                .mismatch,
                "\(images.count) RAM blocks have \(byteCount) bytes, expected at most "
                    + "\(RAMBlock.countMax) and \(RAMBlock.totalByteCountMax)",
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

    /// Refuses a bitmap where it is not certain since which block it counts: what is merely
    /// compared may be paired by length, but a clean bit is believed.
    private static func check(
        _ bitmap: FilePath, of block: RAMBlock, countsFrom parentBlock: StoredBlock?,
        among images: [MemoryImage], parent: ParentCheckpoint?
    ) throws(SnapError) {
        let isAsLong = { (other: RAMBlock) in other.byteCount == block.byteCount }
        let isOnly =
            images.count { isAsLong($0.ram) } == 1
            && parent?.blocks.count { isAsLong($0.ram) } == 1
        guard let parentBlock, isOnly || !block.name.isEmpty && parentBlock.ram.name == block.name
        else {
            throw SnapError(
                .mismatch,
                "counts from a parent in which no one RAM block is certain to be the one of "
                    + "\(block.byteCount) bytes"
                    + (block.name.isEmpty ? "" : " named \(block.name)"), path: bitmap)
        }
    }
}
