extension Directory {
    /// Writes a small file, in place of one that has its name.
    ///
    /// On failure the old file is still there.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - bytes: Its content.
    ///   - isDurable: Whether it survives a power cut when this returns.
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
