// The command: it reads arguments, lets SnapEngine do the work, and says what came of it. Nothing
// here touches the store.

import ArgumentParser
import Foundation
import SnapSystem

/// The root of the command line.
struct Snap: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snap",
        abstract:
            "Keeps the memory of virtual machines: compact checkpoints, restored byte for byte.",
        discussion: """
            A guest must be paused while its memory image is saved; --qmp sees to that itself.

            EXAMPLES
              snap save --qmp /run/web1.qmp --guest web1
              snap save /dev/shm/web1.mem --guest web1 --device-state web1.vmstate
              snap list
              snap diff web1:6 web1:7
              snap verify
              snap restore web1@latest /dev/shm/web1.mem

            A checkpoint (REF) is GUEST, GUEST:NUMBER, GUEST@latest, GUEST@latest~2,
            GUEST@2026-11-20T10:00[:00][Z], or the beginning of its id.

            EXIT STATUS
              0    done
              1    the store is damaged
              64   usage
              65   the input is damaged
              66   input, guest or checkpoint not found
              70   internal error
              73   output exists or can't be made
              74   I/O error, no space included; QEMU refuses
              75   locked by another snap, or the QMP socket is in use
              76   unsupported version or format
              77   permission
              78   the image does not fit: its length, or its bitmap's
              130  interrupted
            """,
        version: "0.1.0",
        subcommands: [
            SaveCommand.self, ListCommand.self, ShowCommand.self, RestoreCommand.self,
            DiffCommand.self, MapCommand.self, VerifyCommand.self, DeleteCommand.self,
            ReindexCommand.self, ReportCommand.self,
        ])
}

@main
enum Main {
    /// Runs the command and exits with the status that snap(1) lists.
    static func main() {
        StandardStreams.ensure()
        Interruption.install()
        let isJSON = CommandLine.arguments.contains("--json")
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            if let script = CompletionScript.requested(by: arguments) {
                return try Report.result(script + "\n")
            }
            var command = try Snap.parseAsRoot()
            try command.run()
        } catch let error as SnapError {
            Report.failure(error, isJSON: isJSON)
            exit(error.code.rawValue)
        } catch {
            // Help and version come as errors too, and are none.
            guard Snap.exitCode(for: error) == .validationFailure else {
                Snap.exit(withError: error)
            }
            Report.failure(usageError(error), isJSON: isJSON)
            exit(SnapError.Code.usage.rawValue)
        }
    }

    private static func usageError(_ error: any Error) -> SnapError {
        let names = Snap.configuration.subcommands.compactMap { $0.configuration.commandName }
        let word = CommandLine.arguments.dropFirst().first ?? ""
        guard word.isEmpty || word.hasPrefix("-") || names.contains(word) else {
            let nearest = Misspelling.nearest(to: word, among: names)
            return SnapError(
                .usage, "there is no command \"\(word)\"",
                hint: nearest.map { "did you mean snap \($0)?" } ?? "see snap --help")
        }
        let message = Snap.message(for: error)
        return SnapError(
            .usage, message.prefix(1).lowercased() + message.dropFirst(),
            hint: "see snap \(names.contains(word) ? word + " " : "")--help")
    }
}
