/// The index's description of a savevm file, live or retired.
package struct IndexedFile: Sendable, Equatable {
    /// The number of times that the file has been rewritten.
    package var generation: Int
    /// The length of the file in bytes.
    package var byteCount: Int

    /// Creates a description; the parameters are the properties.
    package init(generation: Int, byteCount: Int) {
        self.generation = generation
        self.byteCount = byteCount
    }

    /// Whether a savevm file can have these values; a database may contain any.
    var isWithinLimits: Bool {
        (0...Int(UInt32.max)).contains(generation) && byteCount >= 0
    }
}
