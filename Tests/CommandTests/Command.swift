import Foundation
import SystemPackage
import TestSupport

/// The built command, which tests run as a process.
struct Command {
    /// The exit status and the output of a run.
    struct Outcome {
        let status: Int32
        let output: [UInt8]
        let errors: String

        var text: String { String(decoding: output, as: UTF8.self) }

        /// Standard output as a JSON object.
        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(output))) as? [String: Any] ?? [:]
        }

        /// The page counts in that JSON object.
        var pages: [String: Int] { json["pages"] as? [String: Int] ?? [:] }
    }

    static let path = Bundle.main.bundleURL.appendingPathComponent("snap").path

    let scratch: Scratch
    var environment: [String: String] = [:]

    init() throws {
        scratch = try Scratch()
        environment = ["SNAP_STORE": scratch.store.string, "PATH": "/usr/bin:/bin", "TZ": "UTC"]
    }

    /// Returns a process of the command that is ready to start.
    func process(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.path)
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = URL(fileURLWithPath: scratch.path.string)
        return process
    }

    /// Runs the command and waits until it ends.
    func run(_ arguments: String...) throws -> Outcome {
        try run(process(arguments))
    }

    /// Runs the command and ends it after a time limit; the status is then 124.
    func run(_ arguments: [String], secondsAtMost seconds: Int) throws -> Outcome {
        try run(["-k", "1", "\(seconds)", Self.path] + arguments, of: "/usr/bin/timeout")
    }

    /// Runs a tool that runs the command.
    func run(_ arguments: [String], of tool: String) throws -> Outcome {
        let process = process(arguments)
        process.executableURL = URL(fileURLWithPath: tool)
        return try run(process)
    }

    /// Returns the permission bits of a file.
    func mode(of path: FilePath) throws -> mode_t {
        var status = stat()
        guard lstat(path.string, &status) == 0 else { throw Errno(rawValue: errno) }
        return status.st_mode & 0o7777
    }

    private func run(_ process: Process) throws -> Outcome {
        // Unlike a pipe, a file cannot fill up while the other one is read.
        let names = ["out", "err"].map { scratch.file("\($0)-\(UUID().uuidString)").string }
        for name in names { try write([], to: FilePath(name)) }
        process.standardOutput = FileHandle(forWritingAtPath: names[0])
        process.standardError = FileHandle(forWritingAtPath: names[1])
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        defer { for name in names { try? FileManager.default.removeItem(atPath: name) } }
        return Outcome(
            status: process.terminationStatus, output: try bytes(of: FilePath(names[0])),
            errors: String(decoding: try bytes(of: FilePath(names[1])), as: UTF8.self))
    }
}
