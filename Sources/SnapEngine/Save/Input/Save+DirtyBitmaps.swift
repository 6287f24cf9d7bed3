import GuestMemory
import SnapSystem
import SystemPackage

extension Save {
    /// Assigns the dirty bitmaps to the RAM blocks.
    ///
    /// A bitmap without a name belongs to the only block.
    ///
    /// - Parameter blocks: The RAM blocks to save.
    /// - Returns: The path of each block's bitmap; nil for a block without one.
    /// - Throws: `.usage` if a bitmap's name matches no block, or is missing although there are
    ///   several blocks, or if a block has two bitmaps.
    func dirtyBitmaps(of blocks: [RAMBlock]) throws(SnapError) -> [FilePath?] {
        var paths = [FilePath?](repeating: nil, count: blocks.count)
        for given in dirtyBitmaps {
            let bitmap = Self.named(given, among: blocks)
            let index = try Self.index(of: bitmap, among: blocks)
            guard paths[index] == nil else {
                throw SnapError(
                    .usage, "is the second dirty bitmap for the same RAM block", path: bitmap.path)
            }
            paths[index] = bitmap.path
        }
        return paths
    }

    private static func index(
        of bitmap: DirtyBitmapFile, among blocks: [RAMBlock]
    ) throws(SnapError) -> Int {
        if let name = bitmap.blockName {
            guard let named = blocks.firstIndex(where: { $0.name == name }) else {
                throw SnapError(
                    .usage, "RAM block \"\(name)\" does not exist",
                    hint: "write a path that contains = as ./\(name)=\(bitmap.path)")
            }
            return named
        }
        guard blocks.count == 1 else {
            throw SnapError(
                .usage, "does not name a RAM block, expected one of \(blocks.count)",
                path: bitmap.path, hint: "use --dirty-bitmap NAME=PATH")
        }
        return 0
    }

    /// Splits a block's name off a bitmap's path, for QEMU's block names that contain slashes.
    private static func named(
        _ bitmap: DirtyBitmapFile, among blocks: [RAMBlock]
    ) -> DirtyBitmapFile {
        guard bitmap.blockName == nil else { return bitmap }
        for name in blocks.map(\.name) where !name.isEmpty {
            let prefix = name + "="
            guard bitmap.path.string.hasPrefix(prefix) else { continue }
            return DirtyBitmapFile(
                blockName: name, path: FilePath(String(bitmap.path.string.dropFirst(prefix.count))))
        }
        return bitmap
    }
}
