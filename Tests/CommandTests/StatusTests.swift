import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite("snap status and the routine")
struct StatusTests {
    private static func command() throws -> Command {
        let command = try Command()
        var image = GeneratedImage(pageCount: 600)
        image.fillWithText(0..<300)
        try image.write(to: command.scratch.file("image"))
        for guest in ["a", "b"] {
            #expect(try command.run("save", "image", "--guest", guest).status == 0)
        }
        return command
    }

    @Test("the age of the newest checkpoint decides the exit status")
    func age() throws {
        let command = try Self.command()
        #expect(try command.run("status", "--max-age", "1h").status == 0)
        let old = try command.run("status", "--max-age", "1s", "--guest", "a")
        try #require(old.status == 0)
        Thread.sleep(forTimeInterval: 2.1)
        let both = try command.run("status", "--max-age", "1s", "--quiet")
        #expect(both.status == 2 && both.text == "a\nb\n")
        #expect(both.errors.contains("older than 1s"))
        let ignored = try command.run(
            "status", "--max-age", "1s", "--quiet", "--ignore-guest", "a*", "--ignore-guest", "b")
        #expect(ignored.status == 0 && ignored.text == "")
        #expect(try command.run("save", "image", "--guest", "a").status == 0)
        #expect(try command.run("status", "--max-age", "2s", "--guest", "a").status == 0)
        #expect(try command.run("status", "--max-age", "1s").status == 2)
        for span in ["", "5", "m", "1m1h", "-1s", "0s", "1.5h", "99999999999d"] {
            #expect(try command.run("status", "--max-age", span).status == 64, "\(span)")
        }
        #expect(try command.run("status", "--guest", "c").status == 66)
    }

    @Test("JSON, text and metrics show sizes, verification and damage")
    func contents() throws {
        let command = try Self.command()
        #expect(try command.run("verify", "--not-since", "1d").status == 0)
        let path = command.scratch.guest("b").appending("0000000001.savevm")
        var damaged = try bytes(of: path)
        damaged[1000] ^= 1
        try write(damaged, to: path)
        #expect(try command.run("verify", "--limit-time", "1m").status == 1)
        let status = try command.run("status", "--json").json
        let guests = try #require(status["guests"] as? [[String: Any]])
        #expect(guests.map { $0["guest"] as? String } == ["a", "b"])
        #expect((guests[1]["damagedCheckpoints"] as? [Int]) == [1])
        let damage = try #require(guests[1]["damage"] as? [[String: Any]])
        #expect(damage.first?["file"] as? String == "0000000001.savevm")
        #expect(guests.allSatisfy { $0["unverifiedFileCount"] as? Int == 0 })
        #expect(guests.allSatisfy { ($0["diskByteCount"] as? Int ?? 0) > 4096 })
        #expect((status["freeByteCount"] as? Int ?? 0) > 0)
        let text = try command.run("status").text
        #expect(text.contains("damaged checkpoints of b: b:1\n") && text.contains("a:1"))
        let file = command.scratch.file("snap.prom")
        #expect(
            try command.run(
                "status", "--format", "prometheus", "--output", file.string
            ).status == 0)
        let metrics = String(decoding: try bytes(of: file), as: UTF8.self)
        let sample = /^[a-z_]+(\{guest="[A-Za-z0-9._-]+"\})? -?[0-9]+$/
        for line in metrics.split(separator: "\n") where !line.hasPrefix("#") {
            #expect(line.wholeMatch(of: sample) != nil, "\(line)")
        }
        #expect(metrics.contains("snap_guest_damaged_checkpoints{guest=\"b\"} 1\n"))
        let mode = try FileManager.default.attributesOfItem(atPath: file.string)[.posixPermissions]
        #expect(mode as? Int == 0o644)
    }

    @Test("status takes no lock, and works during a save")
    func locked() throws {
        let command = try Self.command()
        let lock = command.scratch.guest("a").appending("writer.lock").string
        let held = try command.run(
            ["-x", lock, Command.path, "status", "--quiet"], of: "/usr/bin/flock")
        #expect(held.status == 0)
    }

    @Test("the filters of list choose checkpoints")
    func list() throws {
        let command = try Self.command()
        for label in ["nightly-1", "nightly-2", "release"] {
            #expect(try command.run("save", "image", "--guest", "a", "--label", label).status == 0)
        }
        let names = { (arguments: [String]) in
            try command.run(["list", "--quiet"] + arguments, secondsAtMost: 60).text
        }
        #expect(try names(["--label", "nightly-*"]) == "a:2\na:3\n")
        #expect(try names(["--label", "*", "--limit", "1"]) == "a:4\n")
        #expect(try names(["--guest", "a", "--limit", "2"]) == "a:3\na:4\n")
        #expect(try names(["--since", "1h"]) == "a:1\na:2\na:3\na:4\nb:1\n")
        #expect(try names(["--until", "1h"]) == "")
        #expect(try names(["--since", "2020-01-01", "--until", "2020-01-02T10:00Z"]) == "")
        #expect(try command.run("list").text.hasSuffix(" stored\n"))
        for wrong in [["--limit", "0"], ["--since", "yesterday"], ["--until", "2026-13-01"]] {
            #expect(try command.run(["list"] + wrong, secondsAtMost: 60).status == 64, "\(wrong)")
        }
    }

    @Test("restore --skip-damaged ends with status 1 and lists the missing pages")
    func skipDamaged() throws {
        let command = try Self.command()
        let path = command.scratch.guest("b").appending("0000000001.savevm")
        var damaged = try bytes(of: path)
        damaged[1000] ^= 1
        try write(damaged, to: path)
        #expect(try command.run("restore", "b:1", "out").status == 1)
        let outcome = try command.run("restore", "b:1", "out", "--skip-damaged", "--json")
        #expect(outcome.status == 1)
        let lost = try #require(outcome.json["lostPages"] as? [[String: Any]])
        #expect(lost.count == 1 && (lost[0]["pageCount"] as? Int ?? 0) > 0)
        #expect(try command.run("restore", "a:1", "whole", "--skip-damaged").status == 0)
        #expect(try command.run("restore", "a:1", "x", "--skip-damaged", "--in-place").status == 64)
    }
}
