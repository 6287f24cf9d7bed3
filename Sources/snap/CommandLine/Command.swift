import ArgumentParser
import SnapSystem
import SystemPackage

/// One run of the command.
enum Command {
    /// Parses the arguments, runs the command that they name, and prints its errors.
    ///
    /// - Parameter given: The arguments without the program's name; nil for one that is not UTF-8.
    /// - Returns: The exit status; snap(1) lists them.
    static func run(_ given: [String?]) -> Int32 {
        ProcessSecrecy.ensure()
        StandardStreams.ensure()
        Interruption.install()
        let arguments = given.compactMap(\.self)
        let isJSON = arguments.contains("--json")
        do {
            // Repairing invalid UTF-8 in a file name would name a different file.
            guard arguments.count == given.count else {
                let place = (given.firstIndex(of: nil) ?? 0) + 1
                throw SnapError(.usage, "argument \(place) is not UTF-8")
            }
            guard !arguments.isEmpty else {
                Console.text(Snap.helpMessage() + "\n")
                return SnapError.Code.usage.rawValue
            }
            if let script = CompletionScript.requested(by: arguments) {
                try Console.result(script + "\n")
                return 0
            }
            try DescriptorLimit.raise()
            var command = try Snap.parseAsRoot(arguments)
            try command.run()
            return 0
        } catch let error as SnapError {
            if !error.isClosedOutput { Console.failure(error, isJSON: isJSON) }
            return error.code.rawValue
        } catch {
            // ArgumentParser also throws to print help or the version, which are not failures.
            guard Snap.exitCode(for: error) == .validationFailure else {
                Snap.exit(withError: error)
            }
            Console.failure(usageError(error, arguments), isJSON: isJSON)
            return SnapError.Code.usage.rawValue
        }
    }

    private static func usageError(_ error: any Error, _ arguments: [String]) -> SnapError {
        let names = Snap.configuration.subcommands.compactMap { $0.configuration.commandName }
        let word = arguments.first ?? ""
        guard word.isEmpty || word.hasPrefix("-") || names.contains(word) else {
            let nearest = Misspelling.nearest(to: word, among: names)
            return SnapError(
                .usage, "unknown command \"\(word)\"",
                hint: nearest.map { "did you mean snap \($0)?" } ?? "see snap --help")
        }
        let message = Snap.message(for: error)
        return SnapError(
            .usage, message.prefix(1).lowercased() + message.dropFirst(),
            hint: "see snap \(names.contains(word) ? word + " " : "")--help")
    }
}

extension SnapError {
    /// Whether the reader of standard output closed it, as in `snap restore … - | head`.
    var isClosedOutput: Bool { errno == .brokenPipe && path == File.standardOutputName }
}
