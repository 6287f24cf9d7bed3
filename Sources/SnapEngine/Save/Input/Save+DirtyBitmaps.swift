import GuestMemory
import SnapSystem
import SystemPackage

extension Save {
    /// For each block its dirty bitmap.
    ///
    /// A bitmap without a name is that of the only block.
    ///
    /// - Parameter blocks: The blocks that are saved.
    /// - Throws: `.usage` if a name is no block's, or missing.
    func dirtyBitmaps(of blocks: [RAMBlock]) throws(SnapError) -> [FilePath?] {
        var paths = [FilePath?](repeating: nil, count: blocks.count)
        for given in dirtyBitmaps {
            let bitmap = Self.named(given, among: blocks)
            let index = try Self.index(of: bitmap, among: blocks)
            guard paths[index] == nil else {
                throw SnapError(
                    .usage, "is the second dirty bitmap of the same RAM block", path: bitmap.path)
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
                    .usage, "there is no RAM block \"\(name)\"",
                    hint: "a path with = in it is written ./\(name)=\(bitmap.path)")
            }
            return named
        }
        guard blocks.count == 1 else {
            throw SnapError(
                .usage, "which of \(blocks.count) RAM blocks it is of is not said",
                path: bitmap.path, hint: "--dirty-bitmap NAME=PATH says it")
        }
        return 0
    }

    /// Takes the name of a block off a bitmap's path, where QEMU's own name has slashes in it.
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
