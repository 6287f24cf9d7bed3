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
}
