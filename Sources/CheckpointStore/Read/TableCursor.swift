import GuestMemory
package import SavevmFormat
package import SnapSystem
import WorkPipeline

/// Iterates over all tables that the given blocks reach, visiting a shared table only once.
package struct TableCursor: ~Copyable, WorkSource {
    /// A unit, or a table that stops the walk at its place.
    package enum Item: Sendable {
        /// A unit whose table could be read.
        case unit(TableUnit)
        /// A table that cannot be read, and the reason.
        case damagedTable(StoredSubtree, SnapError)
    }

    private var reader: TableReader
    private var pending: [TablePlace]
    private var visited: Set<StoredSubtree> = []

    /// Creates a cursor before the first table.
    ///
    /// - Parameters:
    ///   - blocks: The RAM blocks, in the order in which the cursor visits them.
    ///   - files: The files that the tables can lie in.
    package init(_ blocks: [StoredBlock], _ files: SavevmFiles) {
        reader = TableReader(files)
        pending = blocks.reversed().map(\.rootPlace)
    }

    /// Advances to the next unit or damaged table.
    ///
    /// The cursor skips everything under a damaged table.
    ///
    /// - Returns: The unit or the damaged table; nil after the last.
    /// - Throws: `.permission`, `.inputOutput`, `.interrupted` or `.internalFailure`; damage is an
    ///   item, not an error.
    package mutating func next() throws(SnapError) -> Item? {
        while let place = pending.popLast() {
            try Interruption.check()
            guard place.location != .zero, visited.insert(place.subtree).inserted else { continue }
            do throws(SnapError) {
                if place.level == 0 {
                    return .unit(
                        TableUnit(place: place, locations: [place.location], numbers: []))
                }
                let entries = try reader.entries(place)
                if place.level == 1 {
                    return .unit(
                        TableUnit(
                            place: place, locations: entries,
                            numbers: try reader.numbers(place)))
                }
                for (entry, location) in entries.enumerated().reversed()
                where location != .zero {
                    pending.append(place.child(location, entry: entry))
                }
            } catch {
                guard error.isDamage else { throw error }
                return .damagedTable(place.subtree, error)
            }
        }
        return nil
    }
}
