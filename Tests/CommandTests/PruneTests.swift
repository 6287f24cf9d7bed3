import Foundation
import SnapSystem
import TestSupport
import Testing

/// Tests of `snap prune` with the arguments that a user types.
@Suite("Prune")
struct PruneTests {
    private let command: Command

    init() throws {
        command = try Command()
        for guest in ["a", "b", "c"] {
            try DatedGuest(guest, in: command).save([
                "2026-11-01T10:00Z", "2026-11-02T10:00Z", "2026-11-02T11:00Z",
            ])
        }
    }

    /// Returns the numbers of a guest's checkpoints.
    private func numbers(of guest: String) throws -> [Int] {
        let names = try command.run("list", "--guest", guest, "--quiet").text.split(separator: "\n")
        return names.compactMap { Int($0.dropFirst(guest.count + 1)) }.sorted()
    }

    @Test("a locked guest is skipped, the others are pruned, and the exit status is 75")
    func locked() throws {
        try DatedGuest("b", in: command).whileLocked {
            let outcome = try command.run("prune", "--keep-last", "1")
            #expect(outcome.status == 75)
            #expect(outcome.text.hasPrefix("a  kept 1, deleted 2, freed "))
            #expect(outcome.text.contains("\nc  kept 1, deleted 2, freed "))
            #expect(!outcome.text.contains("b  "))
            #expect(outcome.errors.contains("guest \"b\" is skipped: "))
            #expect(outcome.errors.contains("b/writer.lock: "))
            let json = try command.run("prune", "--keep-last", "1", "--json")
            #expect(json.status == 75)
            let pruned = PrunedStore(json)
            #expect(pruned.guests.compactMap { $0["guest"] as? String } == ["a", "c"])
            #expect(pruned.skipped.map { Set($0.keys) } == [["guest", "code", "message"]])
            #expect(pruned.skipped.first?["guest"] as? String == "b")
            #expect(pruned.skipped.first?["code"] as? Int == 75)
            #expect(pruned.skipped.first?["message"] as? String != "")
            let one = try command.run("prune", "--keep-last", "1", "--guest", "b")
            #expect(one.status == 75 && one.text.isEmpty)
        }
        #expect(try ["a", "b", "c"].map(numbers) == [[3], [1, 2, 3], [3]])
        #expect(try command.run("prune", "--keep-last", "1").status == 0)
        #expect(try numbers(of: "b") == [3])
    }

    @Test("a dry run waits for no lock and changes nothing")
    func dryRun() throws {
        let scratch = command.scratch
        try DatedGuest("b", in: command).whileLocked {
            let store = try LockFile(
                .exclusive, "lock", in: Directory(scratch.store, .kernel), timeout: .seconds(5))
            let before = try contents()
            let outcome = try command.run(
                ["prune", "--keep-daily", "1", "--dry-run", "--wait", "1000"], secondsAtMost: 60)
            #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
            let lines = outcome.text.split(separator: "\n")
            #expect(lines.count == 13, "\(outcome.text)")
            #expect(lines[0].hasPrefix("GUEST:NUMBER"))
            for (index, words) in [
                (1, "a:1 2026-11-01T10:00:00Z delete"), (2, "a:2 2026-11-02T10:00:00Z delete"),
                (3, "a:3 2026-11-02T11:00:00Z keep daily"),
                (9, "c:3 2026-11-02T11:00:00Z keep daily"),
            ] {
                #expect(lines[index].split(separator: " ").joined(separator: " ") == words)
            }
            for (line, guest) in zip(lines[10...], ["a", "b", "c"]) {
                #expect(line.hasPrefix("\(guest)  would keep 1, delete 2, free "), "\(line)")
            }
            #expect(
                try command.run("prune", "--keep-daily", "1", "--dry-run", "--quiet").text
                    == "a:1\na:2\nb:1\nb:2\nc:1\nc:2\n")
            #expect(try contents() == before)
            _ = consume store
        }
        #expect(try numbers(of: "b") == [1, 2, 3])
    }

    /// The content of all files of the store.
    private func contents() throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        let store = command.scratch.store
        for name in try FileManager.default.subpathsOfDirectory(atPath: store.string) {
            // A directory cannot be read, so only its name counts.
            contents[name] = (try? bytes(of: store.appending(name))) ?? []
        }
        return contents
    }

    @Test("JSON has all fields, and a dry run predicts the prune")
    func json() throws {
        try DatedGuest("a", in: command).save(["2026-11-02T12:00Z"], label: "release-1")
        let options = [
            "prune", "--json", "--keep-yearly", "2", "--keep-label", "release-*", "--keep-last",
            "1",
            "--keep-within", "1h",
        ]
        let dry = try command.run(options + ["--dry-run"], secondsAtMost: 60)
        let wet = try command.run(options, secondsAtMost: 60)
        #expect(dry.status == 0 && wet.status == 0 && dry.errors.isEmpty && wet.errors.isEmpty)
        for (outcome, isDryRun) in [(dry, true), (wet, false)] {
            let pruned = PrunedStore(outcome)
            #expect(pruned.fields == ["guests", "skipped", "isDryRun"])
            #expect(pruned.isDryRun == isDryRun && pruned.skipped.isEmpty)
            for guest in pruned.guests {
                #expect(
                    Set(guest.keys) == [
                        "guest", "kept", "deleted", "freedByteCount", "writtenByteCount",
                        "keptFileCount",
                    ])
                #expect(guest["freedByteCount"] is Int && guest["keptFileCount"] is Int)
            }
            let kept = pruned.kept(of: "a")
            #expect(
                kept.allSatisfy { Set($0.keys) == ["number", "createdAt", "reasons", "isDamaged"] })
            #expect(kept.map { $0["isDamaged"] as? Bool } == [false, false])
            #expect(kept.last?["createdAt"] as? String == "2026-11-02T12:00:00Z")
            #expect(pruned.keptNumbers(of: "a") == [1, 4] && pruned.deleted(of: "a") == [2, 3])
            #expect(
                pruned.reasons(of: "a") == [
                    1: ["oldest yearly"],
                    4: ["last", "yearly", "within 1h", "label release-*"],
                ])
            #expect(pruned.keptNumbers(of: "b") == [1, 3] && pruned.deleted(of: "b") == [2])
        }
        #expect(try numbers(of: "a") == [1, 4])
        #expect(try command.run("verify").status == 0)
        let again = try command.run(options, secondsAtMost: 60)
        #expect(PrunedStore(again).deleted(of: "a").isEmpty)
    }

    @Test("a damaged checkpoint is kept by a rule and does not count")
    func damaged() throws {
        let path = command.scratch.guest("a").appending("0000000003.savevm")
        try write(Array(try bytes(of: path).dropLast(10)), to: path)
        let outcome = try command.run(
            "prune", "--guest", "a", "--keep-last", "1", "--dry-run", "--json")
        #expect(outcome.status == 0)
        let pruned = PrunedStore(outcome)
        #expect(pruned.reasons(of: "a") == [2: ["last"], 3: ["last"]])
        #expect(pruned.kept(of: "a").map { $0["isDamaged"] as? Bool } == [false, true])
        let text = try command.run("prune", "--guest", "a", "--keep-last", "1", "--dry-run").text
        #expect(text.contains("last, damaged, does not count"))
        #expect(try command.run("prune", "--guest", "a", "--keep-last", "1").status == 0)
        #expect(try numbers(of: "a") == [2, 3])
        #expect(try command.run("verify", "a:2").status == 0)
    }

    @Test("a policy that keeps nothing keeps the newest checkpoint, with a warning")
    func nothing() throws {
        let dry = try command.run("prune", "--keep-label", "release-*", "--dry-run", "--json")
        #expect(PrunedStore(dry).reasons(of: "b") == [3: ["only"]])
        let outcome = try command.run("prune", "--keep-label", "release-*")
        #expect(outcome.status == 0)
        for guest in ["a", "b", "c"] {
            #expect(
                outcome.errors.contains(
                    "keeps no intact checkpoint of guest \"\(guest)\"; snap keeps \(guest):3"
                ))
            #expect(try numbers(of: guest) == [3])
        }
    }

    @Test("a missing policy, a bad option and an unknown guest are refused, and nothing is deleted")
    func refused() throws {
        for (arguments, status) in [
            ([], 64), (["--dry-run"], 64), (["--keep-last", "0"], 64), (["--keep-last", "-1"], 64),
            (["--keep-last", "x"], 64), (["--keep-within", "1w"], 64), (["--keep-within", ""], 64),
            (["--keep-last"], 64), (["--keep-last", "1", "--guest", "d"], 66),
            (["--keep-last", "1", "--guest", "d", "--dry-run"], 66),
            (["--keep-last", "1", "--guest", "a/b"], 64),
            (["--keep-last", "1", "--store", "missing"], 66),
        ] as [([String], Int32)] {
            let outcome = try command.run(["prune"] + arguments, secondsAtMost: 60)
            #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
            #expect(outcome.output.isEmpty && !outcome.errors.isEmpty)
        }
        #expect(!exists(command.scratch.file("missing")))
        #expect(try ["a", "b", "c"].map(numbers) == [[1, 2, 3], [1, 2, 3], [1, 2, 3]])
        #expect(try names(in: command.scratch.store.appending("guests")) == ["a", "b", "c"])
        let outcome = try command.run("prune", "--keep-last", "unlimited", "--json")
        #expect(
            PrunedStore(outcome).guests.allSatisfy { ($0["deleted"] as? [Int])?.isEmpty ?? false })
    }
}
