import Foundation
import Testing

/// The beginnings of the soak tests, which `make soak` runs to their ends.
@Suite("Soak tests", .serialized)
struct SoakTests {
    @Test(
        "what was saved is there, whatever happens to snap and to its files",
        arguments: [
            ["kill", "--kills", "60"], ["kill", "--read-only"], ["damage", "--tries", "60"],
        ])
    func script(_ arguments: [String]) throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Soak/\(arguments[0])")
        let process = Process()
        let output = Pipe()
        process.executableURL = script
        process.arguments =
            [Bundle.main.bundleURL.appendingPathComponent("snap").path] + arguments.dropFirst()
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
}
