import GuestMemory
package import SavevmFormat
package import SnapSystem
import WorkPipeline

/// Goes through all tables that some blocks reach, each once, however many share them.
package struct TableCursor: ~Copyable, WorkSource {
    /// What is found on the way.
    package enum Item: Sendable {
        /// A unit to be checked.
        case unit(TableUnit)
        /// A table that cannot be read, and why.
        case damagedTable(StoredSubtree, SnapError)
    }

    private var reader: TableReader
    private var pending: [TablePlace]
    private var visited: Set<StoredSubtree> = []

    /// Begins before the first table.
    ///
    /// - Parameters:
    ///   - blocks: The blocks, in the order in which they are gone through.
    ///   - files: The files that the tables may lie in.
    package init(_ blocks: [StoredBlock], _ files: SavevmFiles) {
        reader = TableReader(files)
        pending = blocks.reversed().map(\.rootPlace)
    }

    /// The next unit, or a table that is damaged, of which all that lies under it is skipped; nil
    /// after the last.
    ///
    /// - Throws: `.permission`, `.interrupted` or `.internalFailure`.
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
