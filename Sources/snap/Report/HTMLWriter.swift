/// Writes HTML: nested elements, and text that is always escaped.
struct HTMLWriter {
    /// The HTML written so far.
    private(set) var html = ""

    /// The elements without an end tag.
    private static let voidElements: Set<String> = ["meta"]
    /// Inline elements; a newline after one would show as a space.
    private static let inlineElements: Set<String> = ["a", "code", "span", "strong", "time"]

    /// Writes an element.
    ///
    /// - Parameters:
    ///   - name: The element's name.
    ///   - attributes: The attributes, in order; their values are escaped.
    ///   - body: Writes the content.
    mutating func element(
        _ name: String, _ attributes: KeyValuePairs<String, String> = [:],
        body: (inout HTMLWriter) -> Void = { _ in }
    ) {
        html += "<\(name)"
        for (key, value) in attributes { html += " \(key)=\"\(Self.escaped(value))\"" }
        if Self.voidElements.contains(name) {
            html += " />\n"
            return
        }
        html += ">"
        body(&self)
        html += Self.inlineElements.contains(name) ? "</\(name)>" : "</\(name)>\n"
    }

    /// Writes an element that contains only text.
    ///
    /// - Parameters:
    ///   - name: The element's name.
    ///   - text: The text, which is escaped.
    ///   - attributes: The attributes, in order; their values are escaped.
    mutating func element(
        _ name: String, _ text: String, with attributes: KeyValuePairs<String, String> = [:]
    ) {
        element(name, attributes) { $0.text(text) }
    }

    /// Writes text, escaped.
    mutating func text(_ text: String) {
        html += Self.escaped(text)
    }

    /// Writes HTML unchanged; the caller ensures that it is well-formed.
    mutating func raw(_ markup: String) {
        html += markup
    }

    /// Escapes text; labels come from files and must not inject markup.
    ///
    /// Works on scalars, as a browser does. To Swift, a quotation mark with a combining accent is a
    /// different character. To a browser, it still ends an attribute.
    private static func escaped(_ text: String) -> String {
        let text = text.printable
        guard text.utf8.contains(where: { "&<>\"'".utf8.contains($0) }) else { return text }
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped.append(contentsOf: "&amp;".unicodeScalars)
            case "<": escaped.append(contentsOf: "&lt;".unicodeScalars)
            case ">": escaped.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": escaped.append(contentsOf: "&quot;".unicodeScalars)
            case "'": escaped.append(contentsOf: "&#39;".unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }
}
