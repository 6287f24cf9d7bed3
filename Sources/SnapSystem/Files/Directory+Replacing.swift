extension Directory {
    /// Writes a small file, and replaces an existing file of the same name.
    ///
    /// On failure the old file is unchanged.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - bytes: The file's content.
    ///   - isDurable: Whether the file survives a power failure when this returns.
    /// - Throws: `.permission` or `.inputOutput`.
    package func replace(
        _ name: String, with bytes: [UInt8], isDurable: Bool
    ) throws(SnapError) {
        let pending = try PendingFile(in: self, for: name)
        try pending.file.write(bytes, at: 0)
        if isDurable { try pending.file.synchronize() }
        try pending.publish(replacing: name)
        if isDurable { try synchronize() }
    }
}
