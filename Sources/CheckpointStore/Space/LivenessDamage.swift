import SavevmFormat
import SnapSystem

/// Damage that hides which slots are live: a table, the head of a group, or a deleted file.
struct LivenessDamage {
    /// The stored parts that cannot be read.
    enum Scope: Hashable {
        /// A table.
        case table(Location)
        /// All slots of a group, given by the key of their locations.
        case group(UInt64)
        /// All slots of a file.
        case file(Int)
    }

    /// The reason why the part cannot be read.
    let error: SnapError
    /// The part that cannot be read.
    let scope: Scope

    /// The parts that would make a slot unreadable if they were damaged.
    static func scopes(of location: Location) -> [Scope] {
        [.table(location), .group(location.groupKey), .file(location.number)]
    }
}
