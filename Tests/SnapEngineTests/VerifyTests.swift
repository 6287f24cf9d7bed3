import Foundation
import GuestMemory
import SavevmFormat
import SnapEngine
import SnapSystem
import SystemPackage
import TestSupport
import Testing
import WorkPipeline

@Suite("Verify")
struct VerifyTests {
    private static func verify(
        _ store: TestStore, jobs: Int = 1, _ configure: (inout Verify) -> Void = { _ in }
    ) throws -> Verify.Outcome {
        var verify = Verify()
        configure(&verify)
        return try verify.run(in: store.path, .testing(jobs: jobs))
    }

    /// A history whose second checkpoint is deleted while the third needs its pages.
    private static func fixture() throws -> DamageFixture {
        let fixture = try DamageFixture()
        let delete = try Delete([.number(fixture.store.guest, 2)])
        let outcome = try delete.run(in: fixture.store.path, .testing())
        #expect(outcome.keptFileCount == 1)
        return fixture
    }

    private static let numbers = [1, 3]
    private static let files = [
        "0000000001.savevm", "0000000001.devstate", "0000000002.retired", "0000000003.savevm",
        "0000000003.devstate",
    ]

    @Test("an intact history is reported as intact by any number of workers", arguments: [1, 2, 8])
    func intact(jobs: Int) throws {
        let fixture = try Self.fixture()
        for isQuick in [false, true] {
            let outcome = try Self.verify(fixture.store, jobs: jobs) { $0.isQuick = isQuick }
            #expect(outcome.isIntact && outcome.verdicts.map(\.name.number) == Self.numbers)
            // The first checkpoint stores six pages, and each later one two more. The old versions
            // of changed pages still belong to the first checkpoint.
            #expect(outcome.checkedPageCount == 10)
        }
    }

    @Test(
        "a flipped byte that damages checkpoints is found, and exactly those are named",
        .slow,
        arguments: files)
    func flips(name: String) throws {
        let fixture = try Self.fixture()
        let path = fixture.store.guestPath.appending(name)
        let original = try bytes(of: path)
        var lossCounts: [Int: Int] = [:]
        let isComplete = FaultPlan.Fault.isComplete
        for (offset, pattern) in original.indices.flatMap({ offset in
            // Flips one bit, and all bits, of each byte; a quick run alternates between the two.
            let patterns: [UInt8] = [UInt8(1 << (offset / 2 % 8)), 0xff]
            return (isComplete ? patterns : [patterns[offset % 2]]).map { (offset, $0) }
        }) {
            var damaged = original
            damaged[offset] ^= pattern
            try write(damaged, to: path)
            let lost = try Self.numbers.filter { try !fixture.restores($0) }
            for isQuick in offset % 3 == 0 ? [false, true] : [false] {
                let outcome = try Self.verify(fixture.store) { $0.isQuick = isQuick }
                let named = outcome.verdicts.filter { !$0.isIntact }.map(\.name.number)
                #expect(named == lost, "\(name), byte \(offset), quick: \(isQuick)")
                #expect(
                    outcome.damage.isEmpty == lost.isEmpty, "\(name), byte \(offset)")
                #expect(
                    outcome.damage.allSatisfy { $0.path != nil }, "\(name), byte \(offset)")
            }
            for number in lost { lossCounts[number, default: 0] += 1 }
            let kind = path.extension ?? name
            FaultPlan.note(
                1, as: lost.isEmpty ? "costs nothing" : "found, and named", "a byte of a .\(kind)",
                in: "damage")
        }
        // Of each file, at least one checkpoint needs more than a third of the bytes.
        #expect(lossCounts.values.max() ?? 0 > original.count / 3)
        try write(original, to: path)
        #expect(try Self.verify(fixture.store).isIntact)
    }

    @Test(
        "a truncated file is found, and the damaged checkpoints are named", .slow, arguments: files)
    func cuts(name: String) throws {
        let fixture = try Self.fixture()
        let path = fixture.store.guestPath.appending(name)
        let original = try bytes(of: path)
        let stride = FaultPlan.Fault.isComplete ? 1 : 23
        for count in Swift.stride(from: original.count - 1, through: 0, by: -stride) {
            #expect(truncate(path.string, count) == 0)
            let lost = try Self.numbers.filter { try !fixture.restores($0) }
            let outcome = try Self.verify(fixture.store)
            let named = outcome.verdicts.filter { !$0.isIntact }.map(\.name.number)
            #expect(named == lost && !lost.isEmpty, "\(name) of \(count) bytes")
            FaultPlan.note(
                1, as: "found, and named", "a .\(path.extension ?? name) cut short", in: "damage")
        }
    }

    @Test("exactly the pages of a damaged cluster are listed as lost")
    func lostPages() throws {
        let store = try TestStore()
        var generator = Seeded(5)
        var image = GeneratedImage(pageCount: 2000)
        for page in 0..<1500 { image.pages[page] = GeneratedImage.noise(&generator) }
        try store.save(image)
        for page in 600..<640 { image.pages[page] = GeneratedImage.noise(&generator) }
        try store.save(image)
        // Damage one cluster of incompressible pages in the middle of the first file.
        let path = store.guestPath.appending("0000000001.savevm")
        var damaged = try bytes(of: path)
        damaged[620 * 4120] ^= 1
        try write(damaged, to: path)
        let outcome = try Self.verify(store)
        #expect(outcome.damage.count == 1 && outcome.damage[0].offset != nil)
        let losses = outcome.verdicts.map { $0.losses.flatMap(\.pages) }
        #expect(losses.count == 2 && losses[0].count == 1)
        let lost = try #require(losses[0].first)
        // A unit has 43 clusters of up to 48 KiB.
        #expect((11...12).contains(lost.count))
        // The second checkpoint does not lose pages that it has stored itself.
        #expect(losses[1].flatMap { Array($0) } == lost.filter { !(600..<640).contains($0) })
        #expect(outcome.verdicts.allSatisfy { !$0.isLost && !$0.isDeviceStateLost })
    }

    @Test("only the specified checkpoints are verified")
    func named() throws {
        let fixture = try Self.fixture()
        try removeFile(fixture.store.guestPath.appending("0000000003.savevm"))
        let first = try Self.verify(fixture.store) {
            $0.specifiers = [.number(fixture.store.guest, 1)]
        }
        #expect(first.isIntact && first.verdicts.map(\.name.number) == [1])
        let both = try Self.verify(fixture.store)
        #expect(both.verdicts.map(\.isIntact) == [true, false] && both.verdicts[1].isLost)
        #expect(both.damage.map(\.message) == ["is missing"])
        let error = #expect(throws: SnapError.self) {
            try Self.verify(fixture.store) {
                $0.specifiers = [.number(fixture.store.guest, 2)]
            }
        }
        #expect(error?.code == .notFound)
    }

    @Test("a partly deleted checkpoint is not found, and the others are verified")
    func halfDeleted() throws {
        let fixture = try Self.fixture()
        let path = fixture.store.guestPath
        try FileManager.default.moveItem(
            atPath: path.appending("0000000003.savevm").string,
            toPath: path.appending("0000000003.retired").string)
        let error = #expect(throws: SnapError.self) {
            try Self.verify(fixture.store) { $0.specifiers = [.number(fixture.store.guest, 3)] }
        }
        #expect(error?.code == .notFound)
        let outcome = try Self.verify(fixture.store)
        #expect(outcome.isIntact && outcome.verdicts.map(\.name.number) == [1])
    }

    @Test("a checkpoint whose reference list omits a file is reported as damaged")
    func unlistedReference() throws {
        let fixture = try Self.fixture()
        let store = fixture.store
        let directory = Directory(store.guestPath, .kernel)
        let third = try GuestFiles(of: store.guest, in: directory).savevm(.savevm(3))
        // Write a copy of the third checkpoint that is intact except for its reference list.
        let header = FileHeader(
            .savevm, number: 4, storeID: third.header.storeID, checkpointID: .random(),
            parent: third.reference)
        let writer = try SavevmWriter(in: directory, header)
        var description = third.checkpoint
        description.deviceState = nil
        _ = try writer.publish(
            blocks: try third.blocks(),
            references: [FileReference(number: 4, id: header.checkpointID)],
            description: description)
        _ = try Reindex().run(in: store.path, .testing(warn: { Issue.record("warned: \($0)") }))
        #expect(throws: SnapError.self) { try store.restore(4) }
        let outcome = try Self.verify(store)
        #expect(outcome.verdicts.filter { !$0.isIntact }.map(\.name.number) == [4])
        #expect(outcome.damage.map(\.message).contains { $0.contains("not listed") })
    }

    @Test("a damaged index is reported, or still lists the same checkpoints", .slow)
    func indexFlips() throws {
        let fixture = try Self.fixture()
        let path = fixture.store.path.appending("index.sqlite")
        let original = try bytes(of: path)
        let expected = try fixture.store.list()
        var generator = Seeded(3)
        var foundCount = 0
        for _ in 0..<800 {
            var damaged = original
            damaged[Int.random(in: 0..<original.count, using: &generator)] ^= UInt8(
                1 << Int.random(in: 0..<8, using: &generator))
            try write(damaged, to: path)
            let verify = Verify()
            do {
                let outcome = try verify.run(in: fixture.store.path, .testing(warn: { _ in }))
                if outcome.isIntact {
                    #expect(try fixture.store.list() == expected)
                    continue
                }
                #expect(!outcome.damage.isEmpty)
                // A row may name a checkpoint that does not exist; existing ones stay intact.
                for verdict in outcome.verdicts where Self.numbers.contains(verdict.name.number) {
                    #expect(verdict.isIntact, "\(outcome.damage)")
                }
                foundCount += 1
            } catch let error as SnapError {
                // A flipped version of the schema is another version.
                #expect([.damaged, .unsupported].contains(error.code), "\(error)")
                foundCount += 1
            }
        }
        #expect(foundCount > 0)
    }

    @Test("without an index, the checkpoints are found and verified from their files")
    func lostIndex() throws {
        let fixture = try Self.fixture()
        try removeFile(fixture.store.path.appending("index.sqlite"))
        let outcome = try Self.verify(fixture.store)
        #expect(outcome.verdicts.map(\.name.number) == Self.numbers)
        #expect(outcome.verdicts.allSatisfy(\.isIntact) && !outcome.isIntact)
        #expect(outcome.damage.count == 1 && outcome.damage[0].hint != nil)
    }

    @Test("a file without an index row causes a warning and is verified")
    func unknownFile() throws {
        let fixture = try Self.fixture()
        let index = try bytes(of: fixture.store.path.appending("index.sqlite"))
        var image = fixture.images[2]
        image.pages[7] = GeneratedImage.text(7)
        try fixture.store.save(image)
        try write(index, to: fixture.store.path.appending("index.sqlite"))
        let warnings = Warnings()
        let outcome = try Verify().run(
            in: fixture.store.path, .testing(warn: warnings.take))
        #expect(outcome.isIntact && outcome.verdicts.map(\.name.number) == [1, 3, 4])
        #expect(
            warnings.all.count == 1 && warnings.all[0].path?.lastComponent == "0000000004.savevm")
    }
}
