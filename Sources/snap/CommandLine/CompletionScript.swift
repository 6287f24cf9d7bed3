import ArgumentParser
import Foundation

/// The script with which a shell completes snap's command line.
///
/// ArgumentParser generates it. snap adapts it to the way in which bash and zsh split words.
enum CompletionScript {
    private static let option = "--generate-completion-script"

    /// Generates the script if the arguments ask for it.
    ///
    /// - Parameter arguments: The command line, without the program's name.
    /// - Returns: The script; nil if the arguments do not ask for one, or the shell is unknown.
    static func requested(by arguments: [String]) -> String? {
        let first = arguments.first ?? ""
        guard first == option || first.hasPrefix(option + "=") else { return nil }
        let value =
            first == option
            ? arguments.dropFirst().first : String(first.dropFirst(option.count + 1))
        let shell = value.map { CompletionShell(rawValue: $0) } ?? .autodetected()
        return shell.map(script)
    }

    private static func script(for shell: CompletionShell) -> String {
        let script = Snap.completionScript(for: shell)
        switch shell {
        case .bash: return script + "\n\n" + wordJoiningFunctions
        case .zsh: return joiningValues(script)
        default: return script
        }
    }

    /// Makes zsh complete `--store=DIR` in addition to `--store DIR`.
    ///
    /// zsh's `_arguments` expects a `=` after the name of an option with a value. A flag's line has
    /// no value and ends with the description.
    private static func joiningValues(_ script: String) -> String {
        let lines = script.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let text = line.drop { $0 == " " }
            guard text.hasPrefix("'--") || text.hasPrefix("'*--"), !text.hasSuffix("]'"),
                let bracket = line.firstIndex(of: "[")
            else { return String(line) }
            return "\(line[..<bracket])=\(line[bracket...])"
        }
        return lines.joined(separator: "\n")
    }

    /// The bash functions that join split words.
    ///
    /// bash splits `web1:7`, `web1@latest` and `--guest=web1` into three words each.
    /// Removing these characters from `COMP_WORDBREAKS` would change how other commands complete.
    private static var wordJoiningFunctions: String {
        String(decoding: PackageResources.snap_bash, as: UTF8.self)
            .trimmingCharacters(in: .newlines)
    }
}
