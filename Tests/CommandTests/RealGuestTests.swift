import Foundation
import Testing

/// Real guests under the QEMU that is installed: what is saved must go on.
///
/// The scripts tell more with other QEMUs, and without `--short`.
@Suite("Real guests", .serialized)
struct RealGuestTests {
    @Test(
        "a guest goes on from what was saved and restored",
        arguments: ["resume", "standstill", "cookbook"])
    func script(_ name: String) throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Guests/\(name)")
        let process = Process()
        let output = Pipe()
        process.executableURL = script
        process.arguments = [
            Bundle.main.bundleURL.appendingPathComponent("snap").path, "--short",
        ]
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
