import SavevmFormat
import SnapSystem

/// Finds the checkpoints that reach damage, through which the damage hides what is live.
///
/// This walks the tables again, and only after damage was found.
struct DamageReach: ~Copyable {
    private let damaged: Set<LivenessDamage.Scope>
    private var tables: TableReader
    private var reached: [StoredSubtree: Set<LivenessDamage.Scope>] = [:]

    /// Creates a search.
    ///
    /// - Parameters:
    ///   - damaged: The damaged parts.
    ///   - files: The files that the tables can be in.
    init(_ damaged: Set<LivenessDamage.Scope>, in files: SavevmFiles) {
        self.damaged = damaged
        tables = TableReader(files)
    }

    /// Finds the damaged parts that a checkpoint reaches.
    ///
    /// - Parameter root: The checkpoint.
    /// - Throws: `.permission`, `.inputOutput` or `.interrupted`.
    mutating func scopes(
        reachedFrom root: GuestSpace.Root
    ) throws(SnapError) -> Set<LivenessDamage.Scope> {
        var found: Set<LivenessDamage.Scope> = []
        for block in root.blocks { found.formUnion(try scopes(under: block.rootPlace)) }
        return found
    }

    private mutating func scopes(
        under place: TablePlace
    ) throws(SnapError) -> Set<LivenessDamage.Scope> {
        if place.location == .zero { return [] }
        if let known = reached[place.subtree] { return known }
        try Interruption.check()
        var found = damaged.intersection(LivenessDamage.scopes(of: place.location))
        if place.level > 0 {
            guard let entries = try readableEntries(of: place) else {
                // The table may lead to any of the damaged parts.
                reached[place.subtree] = damaged
                return damaged
            }
            for (entry, location) in entries.enumerated() where location != .zero {
                if place.level > 1 {
                    found.formUnion(try scopes(under: place.child(location, entry: entry)))
                } else {
                    found.formUnion(damaged.intersection(LivenessDamage.scopes(of: location)))
                }
            }
        }
        reached[place.subtree] = found
        return found
    }

    /// Reads a table; nil if it is damaged.
    private mutating func readableEntries(
        of place: TablePlace
    ) throws(SnapError) -> [Location]? {
        do throws(SnapError) { return try tables.entries(place) } catch {
            guard error.isDamage else { throw error }
            return nil
        }
    }
}
