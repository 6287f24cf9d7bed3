import Foundation

/// Phrases that the project does not use, each with plain words for it.
enum PlainWords {
    /// A use of a phrase.
    struct Finding {
        /// The path of the file below the package's directory.
        let file: String
        /// The line on which the phrase starts, from 1.
        let line: Int
        /// The phrase as it is written there.
        let phrase: String
        /// What to write instead.
        let replacement: String
    }

    /// A space in a phrase also matches the end of a line, and the comment marker after it.
    private static let replacements: [(phrases: String, replacement: String)] = [
        ("for ever", "permanently"),
        ("anew", "again"),
        (
            "(let|lets|letting) (it |them |the guest |a guest )?go|(is|be|was|been) let go",
            "resume, release"
        ),
        ("(go|goes|went|going|gone) on", "continue, resume"),
        ("(stand|stands|stood|standing) still|standstill", "is paused, pause"),
        ("(give|gives|gave|given|giving) (it |them |a checkpoint )?up", "delete, stop"),
        ("(give|gives|gave|given) (it |them |space |bytes )?back", "free, return, restore"),
        ("(is|are|was|were) (?-i:none)", "is not a …, does not exist"),
        ("(tell|tells|told) of|told by|(is|are) told", "report, list, detect, learn"),
        ("whoever|whomever|whatever|somebody|nobody|anybody|everybody", "name the actor"),
        ("(believe|believes|believed|believing)", "trust, use"),
        ("patience", "timeout"),
        ("(endure|endures|endured)", "ignore, survive"),
        ("(pass|passes|passed) by", "skip"),
        ("mixture", "partly old, partly new"),
        ("(mend|mends|mended)", "repair"),
        ("(stranger|strangers|bait|baits)", "another user, target"),
        ("in vain|lest|hence|thus|whereby|therein|thereof|yonder", "modern words"),
        ("otherwise than|all the same", "differently from, anyway"),
        ("behind (?=the|a|it|them|its|another)", "after, past"),
        ("beside", "next to, in addition to"),
        ("the seam|the house", "system calls, architecture"),
        (
            "(is|are|was|stays|stay|be) whole|not whole|(stored|restored|read|kept) whole",
            "complete, intact, in full"
        ),
        ("so many (bytes|pages|lines|times|digits)", "a number of"),
    ]

    /// The text files whose words people read.
    private static let roots = [
        "Sources", "Tests", "Fuzz", "Scripts", "bench", "man", "docs", "contrib", "completions",
        "schema", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "RELIABILITY.md",
        "BENCHMARKS.md", "Makefile", "Package.swift",
    ]

    /// Words that are names outside the project's control: the marker that snap 0.1 also reads.
    private static let names = ["standstill\"", ".B standstill", "NAME/standstill "]

    /// Finds all uses of the phrases.
    ///
    /// - Returns: The findings, and the number of files searched.
    static func search() throws -> (findings: [Finding], fileCount: Int) {
        let patterns = try replacements.map { phrases, replacement in
            let words = phrases.replacingOccurrences(of: " ", with: "\\s+")
            return (
                try NSRegularExpression(
                    pattern: "\\b(?:\(words))(?!\\w)", options: .caseInsensitive), replacement
            )
        }
        var findings: [Finding] = []
        var fileCount = 0
        for name in try files() {
            guard let text = try? SourceFile.text(of: name) else { continue }
            fileCount += 1
            let plain = withoutMarkers(text)
            for (pattern, replacement) in patterns {
                let range = NSRange(plain.startIndex..., in: plain)
                for match in pattern.matches(in: plain, range: range) {
                    guard let place = Range(match.range, in: plain) else { continue }
                    let line = plain[..<place.lowerBound].count { $0.isNewline } + 1
                    findings.append(
                        Finding(
                            file: name, line: line, phrase: String(plain[place]),
                            replacement: replacement))
                }
            }
        }
        return (findings, fileCount)
    }

    /// The names of all files below the roots, without this list.
    private static func files() throws -> [String] {
        var names: [String] = []
        for root in roots {
            let path = SourceFile.root.appendingPathComponent(root).path
            guard let below = try? FileManager.default.subpathsOfDirectory(atPath: path) else {
                names.append(root)
                continue
            }
            names += below.map { "\(root)/\($0)" }
        }
        return names.filter { !$0.hasSuffix("/PlainWords.swift") && !$0.contains("/__pycache__/") }
    }

    /// Replaces the markers at the start of comment lines by spaces, so that a phrase that is split
    /// between two lines is found.
    private static func withoutMarkers(_ text: String) -> String {
        var plain = text
        for name in names { plain = plain.replacingOccurrences(of: name, with: "") }
        return plain.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let body = line.drop { " /#*".contains($0) }
            return String(repeating: " ", count: line.count - body.count) + body
        }.joined(separator: "\n")
    }
}
