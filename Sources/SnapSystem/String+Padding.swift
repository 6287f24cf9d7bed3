extension String {
    /// Prepends characters until the text has a given length.
    ///
    /// - Parameters:
    ///   - count: The length in characters.
    ///   - character: The character that is prepended.
    /// - Returns: The padded text; the unchanged text if it is already that long or longer.
    package func padded(to count: Int, with character: Character = "0") -> String {
        String(repeating: character, count: max(0, count - self.count)) + self
    }
}
