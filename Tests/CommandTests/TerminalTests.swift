import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("Output on a terminal")
struct TerminalTests {
    private let command: Command

    init() throws {
        var command = try Command()
        command.environment["TERM"] = "xterm"
        var image = GeneratedImage(pageCount: 2100)
        for page in 0..<300 { image.pages[page * 7] = GeneratedImage.text(page) }
        self.command = command
        try image.write(to: command.scratch.file("mem"))
        let label = "the first one, with a label that is longer than any terminal is wide, truly"
        #expect(try command.run("save", "mem", "--guest", "web1", "--label", label).status == 0)
        image.pages[3] = GeneratedImage.text(9)
        try image.write(to: command.scratch.file("mem"))
        #expect(try command.run("save", "mem", "--guest", "web1").status == 0)
    }

    /// Runs a shell's command line on a terminal and returns what the terminal receives.
    private func runOnTerminal(
        _ line: String, columnCount: Int = 80, _ environment: [String: String] = [:]
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/script")
        process.arguments = [
            "-q", "-e", "-c",
            "stty cols \(columnCount); snap() { '\(Command.path)' \"$@\"; }; "
                + line, "/dev/null",
        ]
        process.environment = command.environment.merging(environment) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: command.scratch.path.string)
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self).replacingOccurrences(of: "\r\n", with: "\n")
    }

    /// Returns a text without its color sequences.
    private func plain(_ text: String) -> String {
        text.replacingOccurrences(
            of: "\u{1b}\\[[0-9;]*m", with: "", options: .regularExpression)
    }

    @Test(
        "tables fit the terminal's width and omit less important columns",
        arguments: [30, 60, 80, 200])
    func width(columnCount: Int) throws {
        let text = plain(try runOnTerminal("snap list", columnCount: columnCount))
        let lines = text.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines.allSatisfy { $0.count <= columnCount }, "\(text)")
        #expect(lines[1].hasPrefix("web1:1 ") && lines[1].contains(" s ago"))
        #expect(lines[0].contains("DEVICES") == (columnCount > 80))
        #expect(lines[1].contains("truly") == (columnCount > 160))
        for other in ["show web1", "diff web1:1 web1:2", "map web1", "verify"] {
            let text = plain(try runOnTerminal("snap \(other)", columnCount: columnCount))
            let tooLong = text.split(separator: "\n").filter { line in
                // The terminal may wrap sentences, but not tables and maps.
                line.count > columnCount && !line.contains(" page") && !line.contains(" cell")
                    && !line.contains("zero")
            }
            #expect(tooLong.isEmpty, "\(other): \(tooLong)")
        }
    }

    @Test("color is used only on terminals that accept it")
    func colors() throws {
        #expect(try runOnTerminal("snap list").contains("\u{1b}[1mGUEST:NUMBER"))
        #expect(try runOnTerminal("snap map web1").contains("\u{1b}["))
        for environment in [["NO_COLOR": "1"], ["TERM": "dumb"]] {
            #expect(try !runOnTerminal("snap list; snap map web1", environment).contains("\u{1b}"))
        }
        #expect(try runOnTerminal("snap list", ["NO_COLOR": ""]).contains("\u{1b}[1m"))
        let piped = try runOnTerminal("snap list | cat; snap map web1 | cat; snap verify | cat")
        #expect(!piped.contains("\u{1b}") && piped.contains("T") && !piped.contains(" ago"))
        #expect(piped.contains("the first one, with a label that is longer than any terminal"))
    }

    @Test("a long operation shows its progress on one line and erases it at the end", .slow)
    func progress() throws {
        var generator = Seeded(4)
        try command.scratch.write(GeneratedStream.random(&generator).bytes, to: "stream")
        // snap draws the progress line after half a second; the rest of the stream arrives later.
        let feed = "{ head -c 3000 stream; sleep 1.5; tail -c +3001 stream; }"
        let seen = try runOnTerminal("\(feed) | snap save - --guest slow")
        #expect(seen.contains("\rslow  reading  "))
        #expect(seen.contains("\u{1b}[K") && seen.contains("slow:1  full"))
        // The result overwrites the progress line.
        let last = try #require(seen.components(separatedBy: "\r\u{1b}[K").last)
        #expect(last.hasPrefix("slow:1  full"))
        for option in ["--quiet", "--json"] {
            let seen = try runOnTerminal("\(feed) | snap save - --guest slow \(option)")
            #expect(!seen.contains("reading"))
        }
        let redirected = try runOnTerminal("\(feed) | snap save - --guest slow 2>err; cat err")
        #expect(!redirected.contains("reading"))
        let quick = try runOnTerminal("snap save mem --guest quick")
        #expect(!quick.contains("saving"))
    }
}
