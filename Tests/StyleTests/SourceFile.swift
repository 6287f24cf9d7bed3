import Foundation

/// A Swift file of the project, as far as the rules of style look at it.
struct SourceFile {
    /// A function or initializer.
    struct Function {
        let name: String
        /// The line it begins at, from 1.
        let line: Int
        let lineCount: Int
        /// Its parameters as they are written.
        let parameters: [String]

        var unlabelledCount: Int { parameters.count { $0.hasPrefix("_ ") } }
    }

    /// Where it is below Sources.
    let name: String
    let lines: [String]

    /// The package's directory.
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func text(of path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// All files below Sources.
    static func all() throws -> [SourceFile] {
        let sources = root.appendingPathComponent("Sources")
        return try FileManager.default.subpathsOfDirectory(atPath: sources.path)
            .filter { $0.hasSuffix(".swift") }.sorted()
            .map { name in
                SourceFile(
                    name: name,
                    lines: try text(of: "Sources/" + name).components(separatedBy: "\n"))
            }
    }

    /// The target it belongs to.
    var target: String { String(name.prefix { $0 != "/" }) }

    /// Its name without folders and suffix.
    var baseName: String {
        URL(fileURLWithPath: name).deletingPathExtension().lastPathComponent
    }

    /// Its lines without comments.
    var code: [String] { lines.map { $0.components(separatedBy: "//")[0] } }

    /// The modules that it imports, and the access level that stands before each.
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

    /// The types at its top level that other files see.
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

    /// The types that it extends.
    var extended: Set<String> {
        Set(
            code.compactMap { line in
                line.firstMatch(of: /^(?:\w+ )*extension (\[|\w+)/)
                    .map { $0.1 == "[" ? "Array" : String($0.1) }
            })
    }

    /// Its functions and initializers.
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
            // One line, or up to the brace that stands where the declaration begins.
            var end = index
            if !line.hasSuffix("}") {
                end = code[index...].firstIndex(of: indent + "}") ?? index
            }
            let text = code[index...end].joined(separator: "\n")
            let rest = String(text[text.index(text.startIndex, offsetBy: match.0.count)...])
            functions.append(
                Function(
                    name: String(match.2), line: index + 1, lineCount: end - index + 1,
                    parameters: Self.parameters(rest)))
        }
        return functions
    }

    /// The parameters of a list whose opening parenthesis has been read.
    private static func parameters(_ text: String) -> [String] {
        var parameters = [""]
        var depth = 0
        var last: Character = " "
        for character in text {
            switch character {
            case "(", "[", "<", "{": depth += 1
            case ")" where depth == 0:
                return parameters.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
                    .filter { !$0.isEmpty }
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
        return []
    }
}
