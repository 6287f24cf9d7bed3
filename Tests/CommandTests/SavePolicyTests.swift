import Foundation
import TestSupport
import Testing

@Suite("Saves with a policy")
struct SavePolicyTests {
    private static func guest() throws -> Command {
        let command = try Command()
        var image = GeneratedImage(pageCount: 40)
        for page in 0..<20 { image.pages[page] = GeneratedImage.text(page) }
        try image.write(to: command.scratch.file("mem"))
        return command
    }

    @Test("a save with a policy saves, deletes, and reports both")
    func report() throws {
        let command = try Self.guest()
        for _ in 0..<4 {
            #expect(try command.run("save", "mem", "--guest", "a").status == 0)
        }
        let text = try command.run("save", "mem", "--guest", "a", "--keep-last", "4")
        #expect(text.status == 0 && text.text.contains("\na  kept 4, deleted 1, freed "))
        let saved = try command.run("save", "mem", "--guest", "a", "--keep-last", "2", "--json")
        #expect(saved.status == 0 && saved.json["number"] as? Int == 6)
        let prune = try #require(saved.json["prune"] as? [String: Any])
        #expect(prune["deleted"] as? [Int] == [2, 3, 4])
        let kept = try #require(prune["kept"] as? [[String: Any]])
        #expect(kept.map { $0["number"] as? Int } == [5, 6])
        #expect(try command.run("list", "-q").text == "a:5\na:6\n")
        let quiet = try command.run("save", "mem", "--guest", "a", "--keep-last", "2", "-q")
        #expect(quiet.status == 0 && quiet.text.isEmpty && quiet.errors.isEmpty)
    }

    @Test("a save never deletes the checkpoint that it has just saved")
    func newest() throws {
        let command = try Self.guest()
        let policy = ["--keep-label", "release-*"]
        for label in ["release-1", "daily", "daily"] {
            let arguments = ["save", "mem", "--guest", "a", "--label", label] + policy
            #expect(try command.run(arguments, secondsAtMost: 60).status == 0)
        }
        #expect(try command.run("list", "-q").text == "a:1\na:3\n")
    }

    @Test("if the deletion fails, the checkpoint is saved, and the status is 3")
    func failure() throws {
        let command = try Self.guest()
        for _ in 0..<3 { _ = try command.run("save", "mem", "--guest", "a") }
        // A retired file of the same number prevents that checkpoint 1 is deleted.
        let guest = command.scratch.guest("a")
        try write(
            try bytes(of: guest.appending("0000000001.savevm")),
            to: guest.appending("0000000001.retired"))
        let saved = try command.run("save", "mem", "--guest", "a", "--keep-last", "2", "--json")
        #expect(saved.status == 3 && saved.json["number"] as? Int == 4)
        let prune = try #require(saved.json["prune"] as? [String: Any])
        let error = try #require(prune["error"] as? [String: Any])
        #expect(error["code"] as? Int == 73)
        #expect(saved.errors.contains("a:4 is saved, but old checkpoints could not be deleted"))
        #expect(try command.run("restore", "a:4", "out").status == 0)
    }
}
