import Foundation
import Testing

/// A test that is a script: it is given the built command, and its status says whether it passed.
///
/// - Parameters:
///   - name: Where it is, below `Tests`.
///   - options: What else it is given.
func expectScriptPasses(_ name: String, _ options: [String] = []) throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent(name)
    let process = Process()
    let output = Pipe()
    process.executableURL = script
    process.arguments = [Command.path] + options
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(
        decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    print(text)
}
