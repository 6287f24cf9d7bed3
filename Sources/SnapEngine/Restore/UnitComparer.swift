import CheckpointStore
import GuestMemory
import SavevmFormat
import SnapSystem

/// Finds the pages of a unit in which a memory file differs from a checkpoint.
///
/// Each worker has its own comparer.
struct UnitComparer: ~Copyable {
    private let digestKey: DigestKey
    private let image: MemoryImage
    private var decoder: UnitDecoder
    private var buffer = MemoryBuffer(byteCount: Unit.byteCount)

    /// Creates a comparer.
    ///
    /// - Parameters:
    ///   - image: The memory file.
    ///   - files: The files that the checkpoint's pages can lie in.
    ///   - key: The key of the digests to compare.
    init(of image: MemoryImage, with files: SavevmFiles, key: DigestKey) {
        decoder = UnitDecoder(files)
        digestKey = key
        self.image = image
    }

    /// Compares a unit with the file.
    ///
    /// Also reads the stored pages that differ, to check that a later update can read them.
    ///
    /// - Parameter compared: The unit and the file's data runs.
    /// - Returns: The pages that must become zero, and the pages that need other bytes.
    /// - Throws: `.damaged` if a stored page is damaged; `.inputDamaged` if the file shrinks;
    ///   `.unsupported`, `.permission` or `.inputOutput`.
    mutating func compare(
        _ compared: ComparedUnit
    ) throws(SnapError) -> (cleared: PageSet, changed: PageSet) {
        let unit = compared.unit
        let locations = try decoder.locations(of: unit)
        let known = try decoder.metadata(at: locations, key: digestKey)
        var cleared = PageSet()
        var changed = PageSet()
        // The file is zero outside its data runs, so a stored page there differs.
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
