import SavevmFormat

/// The result of checking a unit's pages.
struct UnitFindings: Sendable {
    /// The unit's table.
    let subtree: StoredSubtree
    /// The numbers of the files that are needed to restore the unit.
    let numbers: FileNumbers
    /// The number of pages checked here; pages that another unit has claimed are not counted.
    let checkedCount: Int
    /// The pages that cannot be read.
    let lost: LostPages
}
