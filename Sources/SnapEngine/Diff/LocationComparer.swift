import GuestMemory
import SavevmFormat
import SnapSystem

/// Finds which pages of two units differ in what they hold.
///
/// A worker owns one.
struct LocationComparer: ~Copyable {
    private let digestKey: DigestKey
    private var before: PageReader
    private var after: PageReader

    /// Prepares to compare.
    ///
    /// - Parameters:
    ///   - before: The files that the first checkpoint's pages may lie in.
    ///   - after: Those of the second one.
    ///   - key: The key in which digests are compared.
    init(_ before: SavevmFiles, _ after: SavevmFiles, key: DigestKey) {
        self.before = PageReader(before)
        self.after = PageReader(after)
        digestKey = key
    }

    /// Compares two units.
    ///
    /// - Parameter difference: Where both have their pages.
    /// - Throws: `.damaged` and what else reading pages throws.
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
        // What is left is stored in two places: a page may have come back to what it was.
        let old = try before.metadata(at: left, level: 0, key: digestKey)
        let new = try after.metadata(at: right, level: 0, key: digestKey)
        for page in left.indices where left[page] != .zero {
            let isSame =
                if let old = old[page].digest, let new = new[page].digest {
                    old == new
                } else {
                    // Digests of different keys say nothing.
                    try before.page(at: left[page], level: 0)
                        == after.page(at: right[page], level: 0)
                }
            if !isSame { unit.pages.insert(page) }
        }
        return unit
    }
}
