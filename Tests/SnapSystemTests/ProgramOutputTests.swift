import Foundation
import SnapSystem
import SystemPackage
import TestSupport
import Testing

@Suite("The output of a program")
struct ProgramOutputTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Starts a program whose input has some bytes, from an offset.
    private func start(
        _ arguments: [String], input: [UInt8] = [], from offset: Int = 0,
        _ calls: SystemCalls = .kernel
    ) throws -> ProgramOutput {
        let file = try File(input: try scratch.write(input, to: "input"), calls)
        try file.move(to: offset)
        let errors = try PendingFile.scratch(
            in: Directory(scratch.path, .kernel), for: "a scratch file")
        return try ProgramOutput(of: arguments, reading: file, errors: errors)
    }

    /// Reads the output to its end.
    private func read(_ output: ProgramOutput) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1000)
        while case let count = try buffer.withMutableBytes({ (target) throws(SnapError) in
            try output.read(into: &target)
        }), count > 0 {
            bytes += buffer[..<count]
        }
        return bytes
    }

    @Test("the program reads the file from the file's position")
    func copy() throws {
        let input = GeneratedImage.text(3) + GeneratedImage.text(4)
        for offset in [0, 1, 5000, input.count] {
            let output = try start(["cat"], input: input, from: offset)
            #expect(try read(output) == Array(input[offset...]), "\(offset)")
            #expect(try read(output) == [], "the end")
        }
    }

    @Test(
        "a program's failure is an error at the end of its output",
        arguments: [
            ("echo out; echo first >&2; echo second >&2; exit 3", "sh ended with status 3: first"),
            ("printf '\\n\\nfirst' >&2; exit 3", "sh ended with status 3: first"),
            ("exit 3", "sh ended with status 3, expected 0"),
            ("kill -9 $$", "signal 9 terminated sh"),
            // Only PATH is passed on, and the language of the messages is English.
            ("echo \"$HOME$LC_ALL\" >&2; exit 1", "sh ended with status 1: C"),
        ])
    func failure(command: String, message: String) throws {
        let output = try start(["sh", "-c", command])
        for time in ["first", "second"] {
            let error = #expect(throws: SnapError.self, "\(time)") { _ = try read(output) }
            #expect(error?.message == message, "\(time)")
            #expect(error?.path == scratch.file("input"), "\(time)")
        }
    }

    @Test("a program that is not installed is named")
    func missing() throws {
        let error = #expect(throws: SnapError.self) { _ = try start(["no-such-program"]) }
        #expect(error?.code == .unsupported && error?.hint == "install no-such-program")
    }

    @Test("a program whose output is not read any more is killed")
    func release() throws {
        // The command's process id is the first line of its output.
        let output = try start(["sh", "-c", "echo $$; exec yes"])
        var line = [UInt8](repeating: 0, count: 16)
        _ = try line.withMutableBytes { (target) throws(SnapError) in
            try output.read(into: &target)
        }
        let text = String(decoding: line.prefix { $0 != 0x0a }, as: UTF8.self)
        let process = try #require(pid_t(text))
        #expect(kill(process, 0) == 0)
        withExtendedLifetime(consume output) {}
        #expect(kill(process, 0) == -1 && errno == ESRCH)
    }

    @Test("every failing system call is an error")
    func faults() throws {
        let input = GeneratedImage.text(3)
        var call = 0
        while true {
            let plan = FaultPlan(at: call, .fail(.ioError))
            var error: SnapError?
            do {
                let output = try start(["cat"], input: input, SystemCalls(faults: plan))
                #expect(try read(output) == input, "call \(call)")
            } catch let failure as SnapError { error = failure }
            if plan.callCount <= call { break }
            #expect(error?.code == .inputOutput, "call \(call)")
            call += 1
        }
        #expect(call > 5)
    }
}
