import SavevmFormat
import SnapSystem

/// What checking a unit has found.
struct UnitFindings: Sendable {
    /// The table over its pages.
    let subtree: StoredSubtree
    /// The files without which the unit cannot be restored.
    let numbers: FileNumbers
    /// How many pages were checked: those of them that no other unit had.
    let checkedCount: Int
    /// Pages that cannot be read.
    var lost: [Location] = []
    /// Why, each reason once.
    var errors: [SnapError] = []
}
