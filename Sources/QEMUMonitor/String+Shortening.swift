extension String {
    /// The text, or its beginning: what a peer says must not fill a screen.
    func shortened() -> String {
        let shown = unicodeScalars.prefix(200)
        return shown.count == unicodeScalars.count ? self : String(shown) + "…"
    }
}
