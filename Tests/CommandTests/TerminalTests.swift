import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("On a terminal")
struct TerminalTests {
    private let command: Command

    init() throws {
        var command = try Command()
        command.environment["TERM"] = "xterm"
        var image = MadeUpImage(pageCount: 2100)
        for page in 0..<300 { image.pages[page * 7] = MadeUpImage.text(page) }
        self.command = command
        try image.write(to: command.scratch.file("mem"))
        let label = "the first one, with a label that is longer than any terminal is wide, truly"
        #expect(try command.run("save", "mem", "--guest", "web1", "--label", label).status == 0)
        image.pages[3] = MadeUpImage.text(9)
        try image.write(to: command.scratch.file("mem"))
        #expect(try command.run("save", "mem", "--guest", "web1").status == 0)
    }

    /// What a terminal of some width receives from a command line of a shell.
    private func see(
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

    /// A text without what colours it.
    private func plain(_ text: String) -> String {
        text.replacingOccurrences(
            of: "\u{1b}\\[[0-9;]*m", with: "", options: .regularExpression)
    }

    @Test("tables fit, and what is left out is what can be missed", arguments: [30, 60, 80, 200])
    func width(columnCount: Int) throws {
        let text = plain(try see("snap list", columnCount: columnCount))
        let lines = text.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.allSatisfy { $0.count <= columnCount }, "\(text)")
        #expect(lines[1].hasPrefix("web1:1 ") && lines[1].contains(" s ago"))
        #expect(lines[0].contains("DEVICES") == (columnCount > 80))
        #expect(lines[1].contains("truly") == (columnCount > 160))
        for other in ["show web1", "diff web1:1 web1:2", "map web1", "verify"] {
            let text = plain(try see("snap \(other)", columnCount: columnCount))
            let tooLong = text.split(separator: "\n").filter { line in
                // Sentences are for the terminal to break; tables and maps are not.
                line.count > columnCount && !line.contains(" page") && !line.contains(" cell")
                    && !line.contains("zero")
            }
            #expect(tooLong.isEmpty, "\(other): \(tooLong)")
        }
    }

    @Test("colours are for terminals that want them")
    func colors() throws {
        #expect(try see("snap list").contains("\u{1b}[1mGUEST:NUMBER"))
        #expect(try see("snap map web1").contains("\u{1b}["))
        for environment in [["NO_COLOR": "1"], ["TERM": "dumb"]] {
            #expect(try !see("snap list; snap map web1", environment).contains("\u{1b}"))
        }
        #expect(try see("snap list", ["NO_COLOR": ""]).contains("\u{1b}[1m"))
        let piped = try see("snap list | cat; snap map web1 | cat; snap verify | cat")
        #expect(!piped.contains("\u{1b}") && piped.contains("T") && !piped.contains(" ago"))
        #expect(piped.contains("the first one, with a label that is longer than any terminal"))
    }

    @Test("what takes long says how far it has come, on one line, and takes it away")
    func progress() throws {
        var generator = Seeded(4)
        try command.scratch.write(MadeUpStream.random(&generator).bytes, to: "stream")
        // Half of a stream, and the rest when half a second and more has gone by.
        let feed = "{ head -c 3000 stream; sleep 1.5; tail -c +3001 stream; }"
        let seen = try see("\(feed) | snap save - --guest slow")
        #expect(seen.contains("\rslow  reading  "))
        #expect(seen.contains("\u{1b}[K") && seen.contains("slow:1  full"))
        // Drawn over itself: no line of its own is left.
        let last = try #require(seen.components(separatedBy: "\r\u{1b}[K").last)
        #expect(last.hasPrefix("slow:1  full"))
        for option in ["--quiet", "--json"] {
            let seen = try see("\(feed) | snap save - --guest slow \(option)")
            #expect(!seen.contains("reading"))
        }
        let redirected = try see("\(feed) | snap save - --guest slow 2>err; cat err")
        #expect(!redirected.contains("reading"))
        let quick = try see("snap save mem --guest quick")
        #expect(!quick.contains("saving"))
    }
}
