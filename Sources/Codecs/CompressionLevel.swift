/// A compression level: 0 only stores, 1 to 3 are fast, 4 to 9 save more space.
///
/// The level does not affect how fast stored bytes are decoded.
package struct CompressionLevel: Sendable, Equatable {
    /// The level, 0 to 9.
    package let rawValue: Int

    /// The valid levels.
    package static let range = 0...9
    /// No compression: bytes are stored as they are.
    package static let stored = CompressionLevel(known: 0)
    /// The default level of a save.
    package static let `default` = CompressionLevel(known: 1)

    /// Creates a compression level if the number is valid.
    ///
    /// - Parameter level: The level.
    /// - Returns: nil if the level is not 0 to 9.
    package init?(_ level: Int) {
        guard Self.range.contains(level) else { return nil }
        rawValue = level
    }

    private init(known level: Int) {
        rawValue = level
    }
}
