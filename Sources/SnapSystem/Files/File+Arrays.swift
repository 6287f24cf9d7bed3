extension File {
    /// Writes bytes at an offset, all of them.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - offset: Where in the file they go.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func write(_ bytes: [UInt8], at offset: Int) throws(SnapError) {
        try bytes.withBytes { (bytes) throws(SnapError) in try write(bytes, at: offset) }
    }

    /// Writes bytes at the file's own position, all of them.
    ///
    /// - Parameter bytes: The bytes.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func append(_ bytes: [UInt8]) throws(SnapError) {
        try bytes.withBytes { (bytes) throws(SnapError) in try append(bytes) }
    }
}
