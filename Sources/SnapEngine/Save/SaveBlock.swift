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
            if let bitmap = bitmaps[index], theirs == nil {
                throw SnapError(
                    .mismatch,
                    "counts from a parent without a RAM block of \(image.block.byteCount) bytes"
                        + (image.block.name.isEmpty ? "" : " named \(image.block.name)"),
                    path: bitmap)
            }
            blocks.append(
                SaveBlock(
                    image: image, parent: theirs, dirtyBitmap: bitmaps[index],
                    firstUnit: firstUnit))
            firstUnit += image.block.unitCount
        }
        return blocks
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
        for bitmap in bitmaps {
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
}
