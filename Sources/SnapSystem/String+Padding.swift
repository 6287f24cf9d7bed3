extension String {
    /// The text with characters before it, so that it has a given length.
    ///
    /// - Parameters:
    ///   - count: The length in characters; a longer text stays as it is.
    ///   - character: What is put before the text.
    package func padded(to count: Int, with character: Character = "0") -> String {
        String(repeating: character, count: max(0, count - self.count)) + self
    }
}
