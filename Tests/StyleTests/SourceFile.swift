import Foundation

/// A Swift file in Sources, with the declarations that the style rules check.
struct SourceFile: Sendable {
    /// A function or initializer.
    struct Function {
        let name: String
        /// The number of the first line, from 1.
        let line: Int
        let lineCount: Int
        /// The source text of each parameter.
        let parameters: [String]
        /// The source text between the parameters and the body: effects and return type.
        let effects: String
        /// Whether other targets can call it.
        let isExported: Bool
        /// The lines of its documentation comment.
        let documentation: [String]

        var unlabelledCount: Int { parameters.count { $0.hasPrefix("_ ") } }
    }

    /// The file's path, relative to Sources.
    let name: String
    let lines: [String]
    /// The file's lines without comments.
    let code: [String]

    init(name: String, lines: [String]) {
        self.name = name
        self.lines = lines
        code = lines.map { $0.components(separatedBy: "//")[0] }
    }

    /// The package's root directory.
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func text(of path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// All Swift files in Sources.
    static func all() throws -> [SourceFile] { try found.get() }

    /// The files, read once for all tests.
    private static let found = Result { () throws -> [SourceFile] in
        let sources = root.appendingPathComponent("Sources")
        return try FileManager.default.subpathsOfDirectory(atPath: sources.path)
            .filter { $0.hasSuffix(".swift") }.sorted()
            .map { name in
                SourceFile(
                    name: name,
                    lines: try text(of: "Sources/" + name).components(separatedBy: "\n"))
            }
    }

    /// The target that the file belongs to.
    var target: String { String(name.prefix { $0 != "/" }) }

    /// The file's name without folders and suffix.
    var baseName: String {
        URL(fileURLWithPath: name).deletingPathExtension().lastPathComponent
    }

    /// The modules that the file imports, each with the access level before it or an empty string.
    var imports: [(level: String, module: String)] {
        lines.compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            switch words.count {
            case 2 where words[0] == "import": return ("", words[1])
            case 3 where words[1] == "import": return (words[0], words[2])
            default: return nil
            }
        }
    }

    /// The names of the top-level types that are visible in other files.
    var types: [String] {
        let kinds = "struct|class|enum|protocol|actor"
        let attributes = #"(?:@\w+(?:\([^)]*\))? )*"#
        let pattern = try? Regex(
            "^(?! )\(attributes)([\\w() ]*)(\(kinds)) (\\w+)",
            as: (Substring, Substring, Substring, Substring).self)
        guard let pattern else { return [] }
        return code.compactMap { line in
            guard let match = line.firstMatch(of: pattern), !match.1.contains("private") else {
                return nil
            }
            return String(match.3)
        }
    }

    /// The names of the types that the file extends.
    var extended: Set<String> {
        Set(
            code.compactMap { line in
                line.firstMatch(of: /^(?:\w+ )*extension (\[|\w+)/)
                    .map { $0.1 == "[" ? "Array" : String($0.1) }
            })
    }

    /// The file's functions and initializers.
    var functions: [Function] {
        let attributes = #"(?:@\w+(?:\([^)]*\))? )*(?:[a-z]+ )*?"#
        let pattern = try? Regex(
            "^( *)\(attributes)(func \\S+?|init[?]?)(?:<.*>)?\\(",
            as: (Substring, Substring, Substring).self)
        guard let pattern else { return [] }
        var functions: [Function] = []
        for (index, line) in code.enumerated() {
            guard let match = line.firstMatch(of: pattern) else { continue }
            let indent = String(match.1)
            // A function ends on its first line or at the brace with the indentation of its start.
            var last = index
            if !line.hasSuffix("}") {
                last = code[index...].firstIndex(of: indent + "}") ?? index
            }
            let text = code[index...last].joined(separator: "\n")
            let rest = text[text.index(text.startIndex, offsetBy: match.0.count)...]
            let (parameters, end) = Self.parameters(rest)
            functions.append(
                Function(
                    name: String(match.2), line: index + 1, lineCount: last - index + 1,
                    parameters: parameters, effects: String(rest[end...].prefix { $0 != "{" }),
                    isExported: match.0.contains(/\b(package|public)\b/),
                    documentation: documentation(above: index)))
        }
        return functions
    }

    /// Returns the documentation comment above a declaration; attributes can be between them.
    private func documentation(above index: Int) -> [String] {
        let above = lines[..<index].reversed().lazy.map { $0.drop { $0 == " " } }
        return above.prefix { $0.hasPrefix("///") || $0.hasPrefix("@") }.map(String.init)
    }

    /// Splits a parameter list, given the text after its opening parenthesis, and finds its end.
    private static func parameters(_ text: Substring) -> (list: [String], end: Substring.Index) {
        var parameters = [""]
        var depth = 0
        var last: Character = " "
        for index in text.indices {
            let character = text[index]
            switch character {
            case "(", "[", "<", "{": depth += 1
            case ")" where depth == 0:
                let list = parameters.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
                return (list.filter { !$0.isEmpty }, index)
            case ")", "]", "}": depth -= 1
            case ">" where last != "-": depth -= 1
            case "," where depth == 0:
                parameters.append("")
                continue
            default: break
            }
            last = character
            parameters[parameters.count - 1].append(character)
        }
        return ([], text.endIndex)
    }
}
