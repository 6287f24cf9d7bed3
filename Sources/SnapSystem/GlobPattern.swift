import Glibc

/// A pattern for texts, as the shell has for file names: `*`, `?` and `[…]` (glob(7)).
package struct GlobPattern: Sendable, Hashable {
    /// The pattern as the user gave it.
    package let text: String

    /// Creates a pattern.
    ///
    /// - Parameter text: The pattern.
    package init(_ text: String) { self.text = text }

    /// Checks whether a complete text matches the pattern.
    ///
    /// - Parameter other: The text.
    /// - Returns: Whether it matches.
    ///
    /// The corresponding C function is `fnmatch`, in a locale in which `?` matches a character of
    /// UTF-8 and not a byte.
    package func matches(_ other: String) -> Bool {
        guard let locale = unsafe newlocale(LC_CTYPE_MASK, "C.UTF-8", nil) else {
            return unsafe fnmatch(text, other, 0) == 0
        }
        let before = unsafe uselocale(locale)
        defer {
            _ = unsafe uselocale(before)
            unsafe freelocale(locale)
        }
        return unsafe fnmatch(text, other, 0) == 0
    }
}
