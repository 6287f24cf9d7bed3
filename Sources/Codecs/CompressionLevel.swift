/// How much time compression may take: 0 stores, 1 to 3 are fast, 4 to 9 save more space.
///
/// It does not change how fast stored bytes are decoded.
package struct CompressionLevel: Sendable, Equatable {
    /// The level, 0 to 9.
    package let rawValue: Int

    /// The levels there are.
    package static let range = 0...9
    /// No compression: bytes are stored as they are.
    package static let stored = CompressionLevel(known: 0)
    /// The level of a save that asks for no other.
    package static let usual = CompressionLevel(known: 1)

    /// Checks a level.
    ///
    /// - Parameter level: The level.
    /// - Returns: nil unless it is 0 to 9.
    package init?(_ level: Int) {
        guard Self.range.contains(level) else { return nil }
        rawValue = level
    }

    private init(known level: Int) {
        rawValue = level
    }
}
