import GuestMemory
import SavevmFormat
import SnapSystem

/// The pages of a unit, or of a group, that cannot be read.
struct LostPages: Sendable {
    /// The locations of the pages.
    private(set) var locations: [Location] = []
    /// The errors that made them unreadable, without repetition within a cluster.
    private(set) var errors: [SnapError] = []
    /// The damaged parts, without repetition within a cluster.
    private(set) var parts: [FoundDamage] = []

    /// Adds a page.
    ///
    /// - Parameters:
    ///   - location: The page's location.
    ///   - error: The error that reading it has caused.
    ///   - part: The damaged part.
    mutating func add(_ location: Location, _ error: SnapError, in part: FoundDamage) {
        locations.append(location)
        // Pages of one cluster are usually adjacent here and have the same error.
        if errors.last != error { errors.append(error) }
        if parts.last != part { parts.append(part) }
    }
}

extension PageReader {
    /// Finds the damaged part of a page that cannot be read.
    ///
    /// - Parameters:
    ///   - location: The page's location.
    ///   - level: The page's level.
    ///   - error: The error that reading the page has caused.
    /// - Returns: The part; the slot alone if everything in it can be read now.
    mutating func part(
        ofLost location: Location, level: Int, _ error: SnapError
    ) throws(SnapError) -> FoundDamage {
        let slot = location.slot..<location.slot + 1
        return try damage(at: location, level: level)
            ?? FoundDamage(
                .cluster(slot, group: location.group, number: location.number), error)
    }
}
