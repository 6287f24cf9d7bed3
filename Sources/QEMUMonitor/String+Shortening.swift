extension String {
    /// Returns the text's first 200 characters, so that a peer's text cannot fill the screen.
    ///
    /// - Returns: The text, with an ellipsis in place of the rest.
    package func shortened() -> String {
        let shown = unicodeScalars.prefix(200)
        return shown.count == unicodeScalars.count ? self : String(shown) + "…"
    }
}
