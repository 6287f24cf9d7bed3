import GuestMemory
import SavevmFormat
import SnapSystem

/// Finds the pages whose content differs between two stored units.
///
/// Each worker has its own comparer.
struct LocationComparer: ~Copyable {
    private let digestKey: DigestKey
    private var before: PageReader
    private var after: PageReader

    /// Creates a comparer.
    ///
    /// - Parameters:
    ///   - before: The files that the first checkpoint's pages can lie in.
    ///   - after: The files that the second checkpoint's pages can lie in.
    ///   - key: The key of the digests to compare.
    init(_ before: SavevmFiles, _ after: SavevmFiles, key: DigestKey) {
        self.before = PageReader(before)
        self.after = PageReader(after)
        digestKey = key
    }

    /// Compares two units, by digest where possible.
    ///
    /// - Parameter difference: The locations of the pages of both units.
    /// - Returns: The pages that differ.
    /// - Throws: `.damaged` if a page is damaged; `.unsupported`, `.permission` or `.inputOutput`.
    mutating func compare(
        _ difference: PageTablePair.Difference
    ) throws(SnapError) -> PageDiff.ChangedUnit {
        var unit = PageDiff.ChangedUnit(index: difference.unit)
        var left = difference.before
        var right = difference.after
        for page in left.indices {
            let isShared = difference.isShared(page)
            guard isShared || left[page] == .zero || right[page] == .zero else { continue }
            if !isShared {
                unit.pages.insert(page)
                if left[page] == .zero { unit.filled.insert(page) }
                if right[page] == .zero { unit.cleared.insert(page) }
            }
            left[page] = .zero
            right[page] = .zero
        }
        // The remaining pages have two locations. Their content can be equal, for example if the
        // guest wrote a page and later restored its earlier content.
        let old = try before.metadata(at: left, level: 0, key: digestKey)
        let new = try after.metadata(at: right, level: 0, key: digestKey)
        for page in left.indices where left[page] != .zero {
            let isSame =
                if let old = old[page].digest, let new = new[page].digest {
                    old == new
                } else {
                    // Digests with different keys cannot be compared.
                    try before.page(at: left[page], level: 0)
                        == after.page(at: right[page], level: 0)
                }
            if !isSame { unit.pages.insert(page) }
        }
        return unit
    }
}
