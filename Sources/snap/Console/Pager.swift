import Foundation
import SnapSystem

/// A pager that shows text on the terminal: `$SNAP_PAGER`, else `$PAGER`, else less(1).
struct Pager {
    private let process = Process()
    private let input = Pipe()

    /// Starts the pager.
    ///
    /// - Throws: `.inputOutput` if that fails.
    init() throws(SnapError) {
        let environment = ProcessInfo.processInfo.environment
        let given = environment["SNAP_PAGER"] ?? environment["PAGER"] ?? ""
        let command = given.isEmpty ? "less" : given
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        // Ends if the text fits on the screen, shows colors, and leaves the text on the screen.
        process.environment = environment.merging(["LESS": "FRX"]) { given, _ in given }
        process.standardInput = input
        do { try process.run() } catch {
            throw SnapError(.inputOutput, "cannot start the pager \"\(command)\"")
        }
        try? input.fileHandleForReading.close()
    }

    /// A buffer for the text; after the user has ended the pager, it ignores the text.
    var buffer: OutputBuffer {
        let file = input.fileHandleForWriting
        return OutputBuffer { (bytes) throws(SnapError) in
            try? file.write(contentsOf: Data(bytes))
        }
    }

    /// Waits until the user has ended the pager.
    func finish() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
