import GuestMemory
import SavevmFormat
import SnapSystem
import SystemPackage

/// A unit to be checked.
struct TableUnit: Sendable {
    /// The table over its pages; of a block without tables, the page.
    let place: TablePlace
    /// Where its pages are stored.
    let locations: [Location]
    /// The files without which the table cannot be read.
    let numbers: Set<Int>
}

/// Goes through all tables that some blocks are reached by, each once, whoever shares them.
struct TableCursor: ~Copyable {
    private var reading: TableReading
    private var pending: [TablePlace]
    private var visited: Set<StoredSubtree> = []
    /// Tables that cannot be read, and why.
    private(set) var damaged: [StoredSubtree: SnapError] = [:]

    /// - Parameters:
    ///   - blocks: The blocks, in the order in which they are gone through.
    ///   - files: The files that the tables may lie in.
    init(_ blocks: [StoredBlock], _ files: SavevmFiles) {
        reading = TableReading(files)
        pending = blocks.reversed().map(\.rootPlace)
    }

    /// The next unit; nil after the last.
    ///
    /// A table that is damaged is noted, and what lies under it passed over.
    ///
    /// - Throws: `.permission`, `.interrupted` or `.internalFailure`.
    mutating func next() throws(SnapError) -> TableUnit? {
        while let place = pending.popLast() {
            guard place.location != .zero, visited.insert(place.subtree).inserted else { continue }
            do throws(SnapError) {
                if place.level == 0 {
                    return TableUnit(place: place, locations: [place.location], numbers: [])
                }
                let entries = try reading.entries(place)
                if place.level == 1 {
                    return TableUnit(
                        place: place, locations: entries, numbers: try reading.numbers(place))
                }
                for (entry, location) in entries.enumerated().reversed()
                where location != .zero {
                    pending.append(place.child(location, entry))
                }
            } catch {
                guard error.isDamage else { throw error }
                damaged[place.subtree] = error
            }
        }
        return nil
    }
}

extension SnapError {
    /// Whether it is what is stored that is wrong, and not what this process may or can do: that
    /// it has too many files open, say, is no damage.
    var isDamage: Bool {
        switch code {
        case .damaged, .unsupported, .notFound: true
        case .inputOutput: errno == .ioError
        case .usage, .inputDamaged, .internalFailure, .cannotCreate, .busy, .permission,
            .mismatch, .interrupted:
            false
        }
    }
}
