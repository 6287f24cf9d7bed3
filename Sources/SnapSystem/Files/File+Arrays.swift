extension File {
    /// Writes all bytes of an array at an offset.
    ///
    /// - Parameters:
    ///   - bytes: The bytes to write.
    ///   - offset: The offset of the first of them in the file, in bytes.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func write(_ bytes: [UInt8], at offset: Int) throws(SnapError) {
        try bytes.withBytes { (bytes) throws(SnapError) in try write(bytes, at: offset) }
    }

    /// Writes all bytes of an array at the descriptor's own position.
    ///
    /// - Parameter bytes: The bytes to write.
    /// - Throws: `.inputOutput` or `.interrupted`.
    package func append(_ bytes: [UInt8]) throws(SnapError) {
        try bytes.withBytes { (bytes) throws(SnapError) in try append(bytes) }
    }
}
