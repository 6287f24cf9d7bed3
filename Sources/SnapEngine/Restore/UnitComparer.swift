import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem

/// Finds the pages of a unit in which a memory file differs from a checkpoint.
///
/// A worker owns one.
struct UnitComparer: ~Copyable {
    private let digestKey: DigestKey
    private let image: MemoryImage
    private var decoder: UnitDecoder
    private var buffer = MemoryBuffer(byteCount: Unit.byteCount)

    /// Prepares to compare.
    ///
    /// - Parameters:
    ///   - image: The memory file.
    ///   - files: The files that the checkpoint's pages may lie in.
    ///   - key: The key in which digests are compared.
    init(of image: MemoryImage, with files: SavevmFiles, key: DigestKey) {
        decoder = UnitDecoder(files)
        digestKey = key
        self.image = image
    }

    /// Compares a unit, and reads those of its stored pages that differ to see that they can be.
    ///
    /// - Parameter compared: The unit.
    /// - Returns: The pages that become zero, and those that get other bytes.
    /// - Throws: `.damaged` and what else reading pages throws; `.inputDamaged` or `.inputOutput`.
    mutating func compare(
        _ compared: ComparedUnit
    ) throws(SnapError) -> (cleared: PageSet, changed: PageSet) {
        let unit = compared.unit
        let locations = try decoder.locations(of: unit)
        let known = try decoder.metadata(at: locations, key: digestKey)
        var cleared = PageSet()
        var changed = PageSet()
        // What is not data is a hole, and equal where the checkpoint is zero.
        for page in 0..<unit.pageCount where locations[page] != .zero { changed.insert(page) }
        for run in compared.data {
            let start = run.lowerBound - unit.offset
            try buffer.withMutableBytes(start..<start + run.count) { (bytes) throws(SnapError) in
                try image.read(into: &bytes, at: run.lowerBound)
            }
            for page in start / Page.byteCount..<(start + run.count) / Page.byteCount {
                let isStored = locations[page] != .zero
                let isEqual = buffer.withBytes(Page.bytes(page)) { bytes in
                    isStored
                        ? digestKey.digest(of: bytes) == known[page].digest : Page.isZero(bytes)
                }
                if isStored && isEqual { changed.remove(page) }
                if !isStored && !isEqual { cleared.insert(page) }
            }
        }
        if !changed.isEmpty { try decoder.decode(unit, changed) }
        return (cleared, changed)
    }
}
