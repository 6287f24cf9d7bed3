import ArgumentParser
import Foundation

/// The script that teaches a shell to complete snap's command line.
///
/// It is ArgumentParser's, with what that does not know of: how bash and zsh divide words.
enum CompletionScript {
    private static let option = "--generate-completion-script"

    /// The script, where the arguments ask for one; nil otherwise, or for an unknown shell.
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
        case .bash: return script + "\n\n" + wholeWords
        case .zsh: return joiningValues(script)
        default: return script
        }
    }

    /// Has zsh complete `--store=DIR`, too, not only `--store DIR`.
    ///
    /// Its `_arguments` wants a `=` behind the name of an option with a value. A flag has none, and
    /// its line ends with the description.
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

    /// What bash needs: to it `web1:7` is three words, and so are `web1@latest` and
    /// `--guest=web1`.
    ///
    /// To take these characters out of `COMP_WORDBREAKS` would change how other commands complete.
    private static var wholeWords: String {
        String(decoding: PackageResources.snap_bash, as: UTF8.self)
            .trimmingCharacters(in: .newlines)
    }
}
