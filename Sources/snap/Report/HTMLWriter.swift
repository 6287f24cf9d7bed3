/// Writes HTML: elements one in the other, and text in which nothing is markup.
struct HTMLWriter {
    /// What has been written.
    private(set) var html = ""

    /// Elements that have no end.
    private static let voidElements: Set<String> = ["meta"]
    /// Elements inside a line, behind which a line's end would be a space.
    private static let inlineElements: Set<String> = ["a", "code", "span", "strong", "time"]

    /// Writes an element.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - attributes: Its attributes, in order.
    ///   - body: Writes what is in it.
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

    /// Writes an element that holds a text alone.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - text: The text.
    ///   - attributes: Its attributes, in order.
    mutating func element(
        _ name: String, _ text: String, with attributes: KeyValuePairs<String, String> = [:]
    ) {
        element(name, attributes) { $0.text(text) }
    }

    /// Writes a text.
    mutating func text(_ text: String) {
        html += Self.escaped(text)
    }

    /// Writes what is HTML already.
    mutating func raw(_ markup: String) {
        html += markup
    }

    /// A text as HTML shows it; labels come from files and must not command a browser either.
    ///
    /// Scalar by scalar, as a browser reads: with an accent behind it, a quotation mark is another
    /// character to Swift, and still the end of an attribute.
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
