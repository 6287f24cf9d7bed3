import Foundation
import SystemPackage
import TestSupport
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// Tests of diff, map, verify and report with the arguments that a user types.
@Suite("Inspecting a store")
struct InspectionTests {
    private let command: Command

    init() throws {
        command = try Command()
        var image = GeneratedImage(pageCount: 1200)
        image.fillWithText(0..<800)
        try save(image, "--label", "<script>alert(\"it's & that\")</script>")
        image.pages[5] = GeneratedImage.text(9000)
        image.pages[6] = nil
        image.pages[1100] = GeneratedImage.text(9001)
        try save(image)
    }

    private func save(_ image: GeneratedImage, _ options: String...) throws {
        try image.write(to: command.scratch.file("mem"))
        let process = command.process(["save", "mem", "--guest", "web1", "--quiet"] + options)
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    @Test("diff reports the changed ranges as a table, as JSON and with --quiet")
    func diff() throws {
        let text = try command.run("diff", "web1:1", "web1:2").text
        let lines = text.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines[1].hasSuffix("2") && lines[1].contains("0x00005000-0x00006fff  8.0 KiB"))
        #expect(
            lines[3] == "web1:1 to web1:2: 3 of 1,200 pages changed, of these 1 became zero "
                + "and 1 were zero before")
        #expect(
            try command.run("diff", "web1:1", "web1", "--quiet").text
                == "0x00005000-0x00006fff\n0x0044c000-0x0044cfff\n")
        let json = try command.run("diff", "web1:1", "web1:2", "--json").json
        #expect(json["from"] as? String == "web1:1" && json["to"] as? String == "web1:2")
        let block = try #require((json["ramBlocks"] as? [[String: Any]])?.first)
        let pages = try #require(block["pages"] as? [String: Int])
        #expect(pages == ["total": 1200, "changed": 3, "becameZero": 1, "wereZero": 1])
        let ranges = try #require(block["ranges"] as? [[String: Int]])
        #expect(
            ranges == [
                ["firstPage": 5, "pageCount": 2], ["firstPage": 1100, "pageCount": 1],
            ])
        let same = try command.run("diff", "web1:2", "web1")
        #expect(same.status == 0 && same.text.contains("0 of 1,200 pages changed"))
        #expect(try command.run("diff", "web1:1", "web1:9").status == 66)
        #expect(try command.run("diff", "--devices", "web1:1", "web1:2").status == 66)
    }

    @Test("diff merges many ranges into few lines, and --all and --quiet list each range")
    func manyRanges() throws {
        var image = GeneratedImage(pageCount: 1200)
        for page in 0..<800 { image.pages[page] = GeneratedImage.text(page + page % 2 * 5000) }
        try save(image)
        let few = try command.run("diff", "web1:1", "web1:3").text.split(separator: "\n")
        #expect(few.count < 40 && few.contains { $0.contains("--all shows each") })
        let all = try command.run("diff", "web1:1", "web1:3", "--all").text
        #expect(all.split(separator: "\n").count == 402)
        let ranges = try command.run("diff", "web1:1", "web1:3", "--quiet").text
        #expect(ranges.split(separator: "\n").count == 400)
    }

    @Test("map draws all memory and counts the pages of each kind")
    func map() throws {
        let text = try command.run("map", "web1:2").text
        let cells = text.filter { "·░▒█".contains($0) }
        // One cell per page, and four in the legend.
        #expect(cells.count == 1204)
        #expect(text.contains("· 400 zero   ░ 798 unchanged   ▒ 0 stored as deltas   █ 2"))
        let json = try command.run("map", "web1:2", "--json").json
        #expect(
            json["pages"] as? [String: Int]
                == ["zero": 400, "unchanged": 798, "delta": 0, "stored": 2])
        #expect(try command.run("map", "web9").status == 66)
    }

    @Test("verify reports intact checkpoints, and the damaged checkpoint and its file")
    func verify() throws {
        let intact = try command.run("verify")
        #expect(intact.status == 0 && intact.errors.isEmpty)
        #expect(intact.text == "web1  2 checkpoints  intact\n802 stored pages checked\n")
        #expect(try command.run("verify", "--quiet").output.isEmpty)
        #expect(try command.run("verify", "--quick", "web1:1").status == 0)
        #expect(try command.run("verify", "--json").json["isIntact"] as? Bool == true)
        let path = command.scratch.guest("web1").appending("0000000002.savevm")
        var bytes = try bytes(of: path)
        bytes[700] ^= 1
        try write(bytes, to: path)
        let damaged = try command.run("verify")
        #expect(damaged.status == 1)
        #expect(damaged.text.hasPrefix("web1  2 checkpoints  1 damaged\n  web1:2  "))
        #expect(damaged.errors.contains("0000000002.savevm: offset "))
        #expect(damaged.errors.contains("1 of 2 checkpoints cannot be restored completely"))
        #expect(try command.run("verify", "--quiet").text == "web1:2\n")
        let json = try command.run("verify", "--json")
        #expect(json.status == 1 && json.json["isIntact"] as? Bool == false)
        #expect(json.errors.hasPrefix("{\"error\":{\"code\":1"))
        let verdicts = try #require(json.json["checkpoints"] as? [[String: Any]])
        #expect(verdicts.map { $0["isIntact"] as? Bool } == [true, false])
        #expect((json.json["damage"] as? [[String: Any]])?.first?["offset"] is Int)
        #expect(try command.run("verify", "web1:1").status == 0)
        #expect(try command.run("verify", "web7").status == 66)
    }

    @Test("report writes one well-formed page that loads nothing from elsewhere")
    func report() throws {
        let outcome = try command.run("report", "page.html", "--maps", "2")
        #expect(outcome.status == 0 && outcome.errors.isEmpty)
        #expect(outcome.text == "2 checkpoints  report written to page.html\n")
        let page = try bytes(of: command.scratch.file("page.html"))
        let text = String(decoding: page, as: UTF8.self)
        #expect(XMLParser(data: Data(page)).parse(), "not well-formed")
        for banned in ["<script", "http:", "https:", "url(", "@import", " src="] {
            #expect(!text.contains(banned), "\(banned)")
        }
        #expect(text.contains("&lt;script&gt;alert(&quot;it&#39;s &amp; that&quot;)"))
        for words in ["web1:1", "web1:2", "Memory of web1:2", "Memory of web1:1", "<title>"] {
            #expect(text.contains(words), "\(words)")
        }
        let again = try command.run("report", "page.html")
        #expect(again.status == 73 && again.errors.contains("hint: use --force to replace it"))
        #expect(try command.run("report", "page.html", "--force", "--quiet").output.isEmpty)
        #expect(try command.run("report", "-").text.hasPrefix("<!DOCTYPE html>"))
        #expect(try command.run("report", "-", "--guest", "web2").status == 66)
        // A damaged checkpoint does not prevent the report of the others.
        try write([], to: command.scratch.guest("web1").appending("0000000002.savevm"))
        let damaged = try command.run("report", "damaged.html")
        #expect(damaged.status == 0 && damaged.errors.contains("snap: warning: "))
        let damagedPage = String(
            decoding: try bytes(of: command.scratch.file("damaged.html")), as: UTF8.self)
        #expect(damagedPage.contains("Cannot draw the memory map"))
    }

    @Test("special characters in labels are escaped even before combining characters")
    func hostileLabels() throws {
        let marks = ["\u{301}", "\u{200d}", "\u{fe0f}"]
        for mark in marks {
            try save(GeneratedImage(pageCount: 3), "--label", "\"\(mark)><\(mark)&\(mark)'\(mark)")
        }
        let page = try command.run("report", "-").output
        #expect(XMLParser(data: Data(page)).parse(), "not well-formed")
        let text = String(decoding: page, as: UTF8.self)
        for mark in marks {
            let label = "&quot;\(mark)&gt;&lt;\(mark)&amp;\(mark)&#39;\(mark)"
            #expect(text.unicodeScalars.contains(label.unicodeScalars))
        }
        let list = try command.run("list").text
        #expect(!list.unicodeScalars.contains("\u{202e}"))
    }

    @Test("diff prints a line for each RAM block, even for more blocks than its line limit")
    func manyBlocks() throws {
        var arguments = ["save", "--guest", "many", "--quiet"]
        for number in 0..<40 {
            try command.scratch.write([UInt8](repeating: 1, count: 8192), to: "b\(number)")
            arguments += ["--ram-block", "r\(number)=b\(number)"]
        }
        for round in 1...2 {
            for number in 0..<40 {
                let bytes = [UInt8](repeating: UInt8(round), count: 8192)
                try command.scratch.write(bytes, to: "b\(number)")
            }
            let process = command.process(arguments)
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
        }
        let diff = try command.run("diff", "many:1", "many:2")
        #expect(diff.status == 0 && diff.text.split(separator: "\n").count == 42)
    }

    @Test("verify needs few open files, regardless of the number of checkpoints", .slow)
    func fewFiles() throws {
        var image = GeneratedImage(pageCount: 2)
        for number in 3...60 {
            image.pages[0] = GeneratedImage.text(number)
            try save(image)
        }
        let process = command.process([])
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "ulimit -n 40; exec '\(Command.path)' verify --quiet"]
        try process.run()
        process.waitUntilExit()
        // This limit may be too low to open the savevm files. snap must not report that as damage.
        #expect([0, 74].contains(process.terminationStatus))
        let enough = command.process([])
        enough.executableURL = URL(fileURLWithPath: "/bin/sh")
        enough.arguments = ["-c", "ulimit -n 90; exec '\(Command.path)' verify --quiet"]
        try enough.run()
        enough.waitUntilExit()
        #expect(enough.terminationStatus == 0)
    }
}
