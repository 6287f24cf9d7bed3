import SavevmFormat
import SnapSystem

/// The result of checking an item of a `TableCursor`.
enum TableFinding: Sendable {
    /// The findings in a unit.
    case unit(UnitFindings)
    /// A table that cannot be read, the reason, and the damaged part.
    case damagedTable(StoredSubtree, SnapError, FoundDamage)
}
