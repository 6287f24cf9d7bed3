import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("The manual pages")
struct ManualTests {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("man")

    private static let pages = ["snap.1", "savevm.5", "snap-cookbook.7"]

    @Test("groff formats each page without a warning", .needs("groff"), arguments: pages)
    func groff(page: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["groff", "-t", "-mandoc", "-ww", "-z", Self.folder.path + "/" + page]
        let warnings = Pipe()
        process.standardError = warnings
        try process.run()
        let text = warnings.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(String(decoding: text, as: UTF8.self) == "")
    }

    @Test("snap(1) documents every command and every option")
    func options() throws {
        let manual = try String(
            contentsOf: Self.folder.appendingPathComponent("snap.1"), encoding: .utf8
        ).replacingOccurrences(of: "\\-", with: "-")
        let common = try #require(Self.section("Options of all commands", of: manual))
        let dump = try Command().run("--experimental-dump-help").json
        let root = try #require(dump["command"] as? [String: Any])
        var optionCount = 0
        for command in try #require(root["subcommands"] as? [[String: Any]]) {
            let name = try #require(command["commandName"] as? String)
            if name == "help" { continue }
            let own = try #require(Self.section("snap \(name)", of: manual), "\(name)")
            for argument in try #require(command["arguments"] as? [[String: Any]]) {
                for spelling in argument["names"] as? [[String: String]] ?? [] {
                    guard spelling["kind"] == "long", let option = spelling["name"] else {
                        continue
                    }
                    #expect(
                        own.contains("--\(option)") || common.contains("--\(option)"),
                        "snap \(name) --\(option)")
                    optionCount += 1
                }
            }
        }
        #expect(optionCount > 20)
    }

    /// Returns the text under the subheading that starts with a title; nil if it is missing.
    private static func section(_ title: String, of manual: String) -> Substring? {
        guard let start = manual.range(of: ".SS \"\(title)") else { return nil }
        let rest = manual[start.upperBound...]
        return rest.range(of: "\n.S").map { rest[..<$0.lowerBound] } ?? rest
    }

    @Test("snap(1) lists every exit status that the help lists")
    func statuses() throws {
        let manual = try String(
            contentsOf: Self.folder.appendingPathComponent("snap.1"), encoding: .utf8)
        let help = try Command().run("--help").text
        let table = try #require(help.components(separatedBy: "EXIT STATUS\n").last)
        let statuses = table.split(separator: "\n").prefix { $0.hasPrefix("  ") }.compactMap {
            $0.split(separator: " ").first.flatMap { Int($0) }
        }
        #expect(statuses.count >= 13)
        let listed = try #require(manual.components(separatedBy: "EXIT STATUS").last)
        for status in statuses {
            #expect(
                listed.split(separator: "\n").contains {
                    $0.drop { $0 == " " }.hasPrefix("\(status)  ")
                }, "\(status)")
        }
    }
}
