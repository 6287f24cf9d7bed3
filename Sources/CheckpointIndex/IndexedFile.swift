/// A savevm file, live or retired.
package struct IndexedFile: Sendable, Equatable {
    /// How often it has been rewritten.
    package var generation: Int
    /// Its length in bytes.
    package var byteCount: Int

    /// Describes a file; the parameters are the properties.
    package init(generation: Int, byteCount: Int) {
        self.generation = generation
        self.byteCount = byteCount
    }

    /// Whether it is one that a savevm file can be, wherever it has been read.
    var isWithinLimits: Bool {
        (0...Int(UInt32.max)).contains(generation) && byteCount >= 0
    }
}
