import Foundation
import TestSupport
import Testing

/// Runs a test script and expects it to pass.
///
/// The script gets the path of the built command as its first argument. Its scratch files are in
/// this process's scratch directory, which is deleted even if the script is killed. Each part that
/// the script reports as not run becomes a warning. A script that hangs is terminated, and fails.
///
/// - Parameters:
///   - name: The script's path, relative to `Tests`.
///   - options: The arguments after the command's path.
func expectScriptPasses(_ name: String, _ options: [String] = []) throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent(name)
    let scratch = try Scratch()
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments = ["--kill-after=10", "900", script.path, Command.path] + options
    process.environment = ProcessInfo.processInfo.environment
        .merging(["TMPDIR": scratch.path.string]) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(
        decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    for line in text.split(separator: "\n") where line.contains("not run") {
        Issue.record("\(name): \(line)", severity: .warning)
    }
}
