import GuestMemory
package import SnapSystem

/// Two page tables of the same shape, walked side by side: of what they share nothing is read.
package struct PageTablePair: ~Copyable {
    /// A unit in which the two differ.
    package struct Difference: Sendable {
        /// Which unit.
        package let unit: Int
        /// Where the first has its pages.
        package let before: [Location]
        /// Where the second has them.
        package let after: [Location]
        fileprivate let sharesFiles: Bool

        /// Whether a page is one and the same in both.
        ///
        /// - Parameter page: Which page of the unit.
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
    private var differenceCountMax = countWithoutLook

    /// How many units may differ before the files' lengths are looked at.
    private static let countWithoutLook = 65536
    /// The least that the table of a unit takes in a file: its record.
    private static let tableByteCountMin = 16

    /// Prepares to walk.
    ///
    /// - Parameters:
    ///   - before: Walks the first shape.
    ///   - after: Walks the second one, of a block of the same length.
    ///   - sharesFiles: Whether a location means the same in both: they are of one guest.
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

    /// The next unit in which the tables differ; nil after the last.
    ///
    /// - Throws: `.damaged` and what else reading a page throws.
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

    /// Ends the walk where more units differ than the files have tables: a table that stands in
    /// many places, which no writer makes, could make endless work of few bytes.
    private mutating func countDifference() throws(SnapError) {
        differenceCount += 1
        if differenceCount <= differenceCountMax { return }
        let byteCount = try before.filesByteCount().addingClamped(try after.filesByteCount())
        differenceCountMax = max(Self.countWithoutLook, byteCount / Self.tableByteCountMin)
        guard differenceCount <= differenceCountMax else {
            throw SnapError(
                .damaged,
                "page tables differ in more than \(differenceCountMax) units, their files have "
                    + "\(byteCount) bytes", path: after.directory)
        }
    }

    /// The unit behind the largest subtree that begins here and is the same in both; nil if even
    /// the tables of this unit differ.
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
