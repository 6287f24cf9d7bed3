import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// A RAM block that is to be saved, and what it is compared with.
struct SaveBlock: Sendable {
    /// The block and its bytes.
    let image: MemoryImage
    /// The parent's block whose pages it shares; nil if there is none.
    let parent: StoredBlock?
    /// Which of its pages may differ from the parent's; nil to compare all.
    let dirtyBitmap: FilePath?
    /// How many units the blocks before it have.
    let firstUnit: Int

    /// Pairs blocks with the parent's.
    ///
    /// - Parameters:
    ///   - images: The blocks.
    ///   - parent: The parent, if there is one.
    ///   - bitmaps: The dirty bitmaps, which need a block of the parent.
    /// - Throws: `.mismatch` if a bitmap's block has none, `.usage` if it names no block.
    static func pair(
        _ images: [MemoryImage], _ parent: SaveParent?, _ bitmaps: [Save.DirtyBitmapFile]
    ) throws(SnapError) -> [SaveBlock] {
        let bitmaps = try assign(bitmaps, to: images)
        let matches = parent?.blocks(matching: images.map(\.block))
        var firstUnit = 0
        var blocks: [SaveBlock] = []
        for (index, image) in images.enumerated() {
            let theirs = matches?[index]
            if let bitmap = bitmaps[index] {
                try check(bitmap, of: image.block, theirs, among: images, parent)
            }
            blocks.append(
                SaveBlock(
                    image: image, parent: theirs, dirtyBitmap: bitmaps[index],
                    firstUnit: firstUnit))
            firstUnit += image.block.unitCount
        }
        return blocks
    }

    /// Refuses a bitmap where it is not certain since which block it counts: what is merely
    /// compared may be paired by length, but a clean bit is believed.
    private static func check(
        _ bitmap: FilePath, of block: RAMBlock, _ theirs: StoredBlock?,
        among images: [MemoryImage], _ parent: SaveParent?
    ) throws(SnapError) {
        let isAsLong = { (other: RAMBlock) in other.byteCount == block.byteCount }
        let isOnly =
            images.count { isAsLong($0.block) } == 1
            && parent?.blocks.count { isAsLong($0.block) } == 1
        guard let theirs, isOnly || !block.name.isEmpty && theirs.block.name == block.name else {
            throw SnapError(
                .mismatch,
                "counts from a parent in which no one RAM block is certain to be the one of "
                    + "\(block.byteCount) bytes"
                    + (block.name.isEmpty ? "" : " named \(block.name)"), path: bitmap)
        }
    }

    /// For each block its dirty bitmap.
    ///
    /// - Parameters:
    ///   - bitmaps: The bitmaps; one without a name is that of the only block.
    ///   - images: The blocks.
    /// - Throws: `.usage` if a name is no block's, or missing.
    static func assign(
        _ bitmaps: [Save.DirtyBitmapFile], to images: [MemoryImage]
    ) throws(SnapError) -> [FilePath?] {
        var paths = [FilePath?](repeating: nil, count: images.count)
        for given in bitmaps {
            let bitmap = named(given, images)
            let index: Int
            if let name = bitmap.blockName {
                guard let named = images.firstIndex(where: { $0.block.name == name }) else {
                    throw SnapError(
                        .usage, "there is no RAM block \"\(name)\"",
                        hint: "a path with = in it is written ./\(name)=\(bitmap.path)")
                }
                index = named
            } else {
                guard images.count == 1 else {
                    throw SnapError(
                        .usage, "which of \(images.count) RAM blocks it is of is not said",
                        path: bitmap.path, hint: "--dirty-bitmap NAME=PATH says it")
                }
                index = 0
            }
            guard paths[index] == nil else {
                throw SnapError(
                    .usage, "is the second dirty bitmap of the same RAM block", path: bitmap.path)
            }
            paths[index] = bitmap.path
        }
        return paths
    }

    /// Takes the name of a block off a bitmap's path, where QEMU's own name has slashes in it.
    private static func named(
        _ bitmap: Save.DirtyBitmapFile, _ images: [MemoryImage]
    ) -> Save.DirtyBitmapFile {
        guard bitmap.blockName == nil else { return bitmap }
        for name in images.map(\.block.name) where !name.isEmpty {
            let prefix = name + "="
            guard bitmap.path.string.hasPrefix(prefix) else { continue }
            return Save.DirtyBitmapFile(
                blockName: name, path: FilePath(String(bitmap.path.string.dropFirst(prefix.count))))
        }
        return bitmap
    }
}
