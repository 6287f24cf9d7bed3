import SavevmFormat
import SnapSystem

/// What came of an item of a `TableCursor`.
enum TableFinding: Sendable {
    /// What checking a unit has found.
    case unit(UnitFindings)
    /// A table that cannot be read, and why.
    case damagedTable(StoredSubtree, SnapError)
}
