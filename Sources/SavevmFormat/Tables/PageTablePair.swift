import GuestMemory
package import SnapSystem

/// A comparison of two page tables of the same shape, which reads no table that both share.
package struct PageTablePair: ~Copyable {
    /// A unit in which the two page tables differ.
    package struct Difference: Sendable {
        /// The unit's index in the RAM block.
        package let unit: Int
        /// The locations of the unit's pages in the first page table.
        package let before: [Location]
        /// The locations of the unit's pages in the second page table.
        package let after: [Location]
        fileprivate let sharesFiles: Bool

        /// Checks whether both page tables refer to the same stored page.
        ///
        /// - Parameter page: The page's index in the unit.
        /// - Returns: Whether they do. If not, the pages can still have the same content.
        package func isShared(_ page: Int) -> Bool {
            before[page] == after[page] && (sharesFiles || before[page] == .zero)
        }
    }

    private let shape: PageTableShape
    private let sharesFiles: Bool
    private var before: PageTableWalker
    private var after: PageTableWalker
    private var unit = 0
    private var differenceCount = 0
    private var differenceCountMax = uncheckedDifferenceCount

    /// The number of units that may differ before the lengths of the files are checked.
    private static let uncheckedDifferenceCount = 65536
    /// The fewest bytes that the table of a unit takes in a file: those of its digest.
    private static let tableByteCountMin = 16

    /// Creates a comparison that starts at the first unit.
    ///
    /// - Parameters:
    ///   - before: The walker of the first page table.
    ///   - after: The walker of the second page table, of a block of the same length.
    ///   - sharesFiles: Whether both belong to one guest, so that equal locations are equal pages.
    package init(
        _ before: consuming PageTableWalker, _ after: consuming PageTableWalker,
        sharesFiles: Bool
    ) {
        precondition(before.shape.pageCount == after.shape.pageCount)
        shape = before.shape
        self.before = before
        self.after = after
        self.sharesFiles = sharesFiles
    }

    /// Finds the next unit in which the page tables differ.
    ///
    /// - Returns: The unit and its locations; nil if there are no further differences.
    /// - Throws: `.interrupted`; the errors of reading a page.
    package mutating func next() throws(SnapError) -> Difference? {
        while unit < shape.unitCount {
            try Interruption.check()
            if let end = try endOfShared() {
                unit = end
                continue
            }
            try countDifference()
            defer { unit += 1 }
            return Difference(
                unit: unit, before: try before.locations(level: 0, inTable: unit),
                after: try after.locations(level: 0, inTable: unit), sharesFiles: sharesFiles)
        }
        return nil
    }

    /// Counts a difference, and fails if more units differ than the files have space for.
    ///
    /// A table that many entries refer to, which no writer produces, could otherwise cause endless
    /// work from few bytes.
    private mutating func countDifference() throws(SnapError) {
        differenceCount += 1
        if differenceCount <= differenceCountMax { return }
        let byteCount = try before.filesByteCount().addingClamped(try after.filesByteCount())
        differenceCountMax = max(Self.uncheckedDifferenceCount, byteCount / Self.tableByteCountMin)
        guard differenceCount <= differenceCountMax else {
            throw SnapError(
                .damaged,
                "page tables differ in more than \(differenceCountMax) units, but their files have "
                    + "only \(byteCount) bytes", path: after.directory)
        }
    }

    /// Finds the end of the largest subtree that starts at the current unit and that both share.
    ///
    /// Returns the unit after the subtree, or nil if even the tables of the current unit differ.
    private mutating func endOfShared() throws(SnapError) -> Int? {
        let lowest = min(1, shape.depth)
        for level in (lowest...shape.depth).reversed() {
            let index = shape.index(ofUnit: unit, level: level)
            guard shape.firstUnit(level: level, index: index) == unit else { continue }
            let location = try before.location(level: level, index: index)
            guard try after.location(level: level, index: index) == location,
                sharesFiles || location == .zero
            else { continue }
            return min(shape.firstUnit(level: level, index: index + 1), shape.unitCount)
        }
        return nil
    }
}
